#include "coder/compressor.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "coder/container_writer.h"
#include "coder/progress_meter.h"
#include "coder/segment_codec.h"
#include "data/base/error.h"
#include "data/base/thread_team.h"

namespace occam {
namespace {

FileHeader HeaderFor(const StreamModel* model, ContextMode mode) {
  if (model == nullptr) return DefaultHeader(kDefaultContext, mode);
  if (model->vocabulary != 256) {
    throw UsageError(fmt::format("the model has a vocabulary of {}; this version codes bytes only",
                                 model->vocabulary));
  }
  FileHeader header = DefaultHeader(model->context, mode);
  header.contract_version = model->contract_version;
  header.tokenizer_id = model->tokenizer_id;
  header.model_id = model->model_id;
  return header;
}

// One of the segments that are worked on at a time.
struct Slot {
  std::unique_ptr<SegmentCodec> codec;
  Bytes original;
  EncodedSegment encoded;
};

// Fills slots until all are full or the source ends; returns how many hold something.
int ReadBatch(ByteSource& source, uint32_t segment_bytes, std::vector<Slot>& slots) {
  int filled = 0;
  for (Slot& slot : slots) {
    slot.original.resize(segment_bytes);
    slot.original.resize(source.Read(slot.original));
    if (!slot.original.empty()) ++filled;
    if (slot.original.size() < segment_bytes) break;
  }
  return filled;
}

}  // namespace

void ContainerStats::Add(const SegmentHeader& header) {
  original_bytes += header.original_bytes;
  payload_bytes += header.payload_bytes;
  ++segments;
  ++method_segments[static_cast<size_t>(header.method)];
}

ContainerStats Compress(ByteSource& source, ByteSink& sink, const StreamModel* model,
                        const CodecOptions& options) {
  const FileHeader header = HeaderFor(model, options.mode);
  ThreadTeam team(options.threads);
  std::vector<Slot> slots(static_cast<size_t>(team.size()));
  for (Slot& slot : slots) slot.codec = std::make_unique<SegmentCodec>(header, model);
  ProgressMeter meter(options.progress);
  ContainerWriter writer(sink, header);
  ContainerStats stats;

  for (bool more = true; more;) {
    const int filled = ReadBatch(source, header.segment_symbols(), slots);
    more = filled == team.size() && slots.back().original.size() == header.segment_symbols();
    const int threads = team.size() / std::max(1, filled);
    team.Run(filled, [&](int item, int) {
      Slot& slot = slots[static_cast<size_t>(item)];
      slot.encoded =
          slot.codec->Encode(slot.original, threads, [&](uint32_t n) { meter.Add(n, 0); });
    });
    for (int i = 0; i < filled; ++i) {
      const EncodedSegment& segment = slots[static_cast<size_t>(i)].encoded;
      writer.Append(segment.header, segment.payload);
      stats.Add(segment.header);
      meter.Add(0, kSegmentHeaderBytes + segment.payload.size());
    }
  }
  writer.Finish();
  stats.file_bytes = writer.file_bytes();
  return stats;
}

}  // namespace occam
