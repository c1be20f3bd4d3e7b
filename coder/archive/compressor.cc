#include "coder/archive/compressor.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "coder/archive/progress_meter.h"
#include "coder/archive/segment_codec.h"
#include "coder/archive/segment_plan.h"
#include "coder/container/container_writer.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/processors.h"
#include "data/base/thread_team.h"

namespace occam {
namespace {

struct Slot {
  std::unique_ptr<SegmentCodec> codec;
  Bytes original;  // of a segment that waits or is worked on
  EncodedSegment encoded;
};

// Fills slots from number `filled` on until all are full or the source ends; returns how many hold
// something.
size_t ReadOn(ByteSource& source, uint32_t segment_bytes, std::vector<Slot>& slots, size_t filled,
              bool* ended) {
  for (; filled < slots.size() && !*ended; ++filled) {
    Bytes& original = slots[filled].original;
    original.resize(segment_bytes);
    original.resize(source.Read(original));
    *ended = original.size() < segment_bytes;
    if (original.empty()) break;
  }
  return filled;
}

int CountToEncode(std::span<const Slot> waiting, const FileHeader& header, int threads) {
  std::vector<SegmentWork> work;
  for (const Slot& slot : waiting) {
    // As many symbols as there can be.
    const auto symbols = static_cast<uint32_t>(slot.original.size());
    work.push_back(WorkOf(symbols, CodingMethod::kModel, header));
  }
  return SegmentsAtOnce(work, threads, SharedCacheBytes());
}

}  // namespace

FileHeader HeaderFor(const CodecModel* model, ContextMode mode) {
  if (model == nullptr) return DefaultHeader(kDefaultContext, mode);
  if (!model->tokenizer && model->vocabulary != 256) {
    throw UsageError(fmt::format("the model has a vocabulary of {} and no tokenizer that makes it",
                                 model->vocabulary));
  }
  FileHeader header = DefaultHeader(model->context, mode, model->vocabulary);
  header.contract_version = model->contract_version;
  header.tokenizer_id = model->tokenizer_id;
  header.model_id = model->model_id;
  return header;
}

void ContainerStats::Add(const SegmentHeader& header) {
  original_bytes += header.original_bytes;
  payload_bytes += header.payload_bytes;
  ++segments;
  ++method_segments[static_cast<size_t>(header.method)];
}

ContainerStats Compress(ByteSource& source, ByteSink& sink, const CodecModel* model,
                        const CodecOptions& options) {
  const FileHeader header = HeaderFor(model, options.mode);
  ThreadTeam team(options.threads);
  std::vector<Slot> slots(static_cast<size_t>(team.size()));
  for (Slot& slot : slots) slot.codec = std::make_unique<SegmentCodec>(header, model);
  ProgressMeter meter(options.progress);
  ContainerWriter writer(sink, header, options.embedded_model);
  ContainerStats stats;

  size_t waiting = 0;
  for (bool ended = false;;) {
    waiting = ReadOn(source, header.segment_bytes(), slots, waiting, &ended);
    if (waiting == 0) break;
    const int count = CountToEncode(std::span(slots).first(waiting), header, team.size());
    team.Run(count, [&](int item, int) {
      Slot& slot = slots[static_cast<size_t>(item)];
      slot.encoded = slot.codec->Encode(slot.original, team.size() / count,
                                        [&](uint32_t n) { meter.Add(n, 0); });
    });
    const auto done = static_cast<size_t>(count);
    for (const Slot& slot : std::span(slots).first(done)) {
      const EncodedSegment& segment = slot.encoded;
      writer.Append(segment.header, segment.payload);
      stats.Add(segment.header);
      stats.lost_bit_bytes += segment.lost_bit_bytes;
      meter.Add(0, kSegmentHeaderBytes + segment.payload.size());
    }
    for (size_t i = done; i < waiting; ++i) std::swap(slots[i - done].original, slots[i].original);
    waiting -= done;
  }
  writer.Finish();
  stats.file_bytes = writer.file_bytes();
  stats.model_bytes = options.embedded_model.size();
  return stats;
}

uint64_t ModelPayloadBytes(std::span<const uint8_t> original, const CodecModel& model,
                           const CodecOptions& options) {
  const FileHeader header = HeaderFor(&model, options.mode);
  const int threads = options.threads == 0 ? ProcessorCount() : options.threads;
  SegmentCodec codec(header, &model);
  ProgressMeter meter(options.progress);
  uint64_t sum = 0;
  for (size_t begin = 0; begin < original.size(); begin += header.segment_bytes()) {
    const size_t size = std::min<size_t>(header.segment_bytes(), original.size() - begin);
    const size_t bytes = codec.PayloadBytes(CodingMethod::kModel, original.subspan(begin, size),
                                            threads, [&](uint32_t n) { meter.Add(n, 0); });
    meter.Add(0, bytes);
    sum += bytes;
  }
  return sum;
}

}  // namespace occam
