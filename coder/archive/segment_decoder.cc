#include "coder/archive/segment_decoder.h"

#include <memory>
#include <utility>
#include <vector>

#include "coder/archive/progress_meter.h"
#include "coder/archive/segment_codec.h"
#include "coder/archive/segment_plan.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/thread_team.h"

namespace occam {
namespace {

std::string ShortId(const Sha256Digest& id) { return Hex(std::span(id).first(8)); }

void CheckModelFits(const FileHeader& header, const CodecModel* model, const std::string& name) {
  if (model == nullptr) {
    throw UsageError(fmt::format("{} needs the model {}; none was given; name it with --ckpt", name,
                                 ShortId(header.model_id)));
  }
  if (model->model_id != header.model_id) {
    throw DamagedError(fmt::format("{} needs the model {}, but {} was given", name,
                                   ShortId(header.model_id), ShortId(model->model_id)));
  }
  if (model->contract_version != header.contract_version) {
    throw DamagedError(fmt::format("{} was made by numeric contract {}, this program follows {}",
                                   name, header.contract_version, model->contract_version));
  }
  if (model->context != header.context || model->tokenizer_id != header.tokenizer_id ||
      (!model->tokenizer && model->vocabulary != 256)) {
    throw DamagedError(
        fmt::format("{} uses its model with context {}, which does not fit", name, header.context));
  }
}

struct Slot {
  std::unique_ptr<SegmentCodec> codec;
  SegmentRecord record;
  Bytes original;
  std::exception_ptr failure;
};

// Fills slots from number `filled` on until all are full, `next` ends (*more becomes false) or
// something is wrong (*failure): what came before it is good and still to be decoded. Returns how
// many hold something.
size_t ReadOn(const NextSegmentFn& next, std::vector<Slot>& slots, size_t filled, bool* more,
              std::exception_ptr* failure) {
  try {
    while (filled < slots.size() && *more) {
      *more = next(&slots[filled].record);
      if (*more) ++filled;
    }
  } catch (...) {
    *failure = std::current_exception();
    *more = false;
  }
  return filled;
}

size_t CountToDecode(std::span<const Slot> waiting, const FileHeader& header,
                     const CodecModel* model, int threads) {
  std::vector<SegmentWork> work;
  for (const Slot& slot : waiting) {
    work.push_back(WorkOf(slot.record.header.symbols, slot.record.header.method, header));
    if (model != nullptr) work.back().lane_bytes = model->lane_bytes;
  }
  return static_cast<size_t>(SegmentsAtOnce(work, threads, SharedCacheBytes()));
}

void DecodeBatch(ThreadTeam& team, std::span<Slot> slots, ProgressMeter& meter,
                 const std::string& name) {
  const int count = static_cast<int>(slots.size());
  const int threads = team.size() / count;
  team.Run(count, [&](int item, int) {
    Slot& slot = slots[static_cast<size_t>(item)];
    slot.failure = nullptr;
    try {
      slot.original = slot.codec->Decode(
          slot.record.header, slot.record.payload, threads, [&](uint32_t n) { meter.Add(n, 0); },
          name);
    } catch (...) {
      slot.failure = std::current_exception();
    }
  });
}

}  // namespace

const CodecModel* ModelFor(const ContainerReader& reader, const ModelFinder& find_model,
                           const std::string& name) {
  const FileHeader& header = reader.header();
  if (!header.has_model()) return nullptr;
  const CodecModel* const model = find_model(header, reader.model());
  CheckModelFits(header, model, name);
  return model;
}

void DecodeSegments(const FileHeader& header, const CodecModel* model, const std::string& name,
                    const CodecOptions& options, const NextSegmentFn& next,
                    const TakeSegmentFn& take) {
  ThreadTeam team(options.threads);
  std::vector<Slot> slots(static_cast<size_t>(team.size()));
  for (Slot& slot : slots) slot.codec = std::make_unique<SegmentCodec>(header, model);
  ProgressMeter meter(options.progress);
  std::exception_ptr failure;
  size_t waiting = 0;
  for (bool more = true;;) {
    waiting = ReadOn(next, slots, waiting, &more, &failure);
    if (waiting == 0) break;
    const size_t count = CountToDecode(std::span(slots).first(waiting), header, model, team.size());
    DecodeBatch(team, std::span(slots).first(count), meter, name);
    for (const Slot& slot : std::span(slots).first(count)) {
      take(slot.record, slot.original, slot.failure);
      meter.Add(0, kSegmentHeaderBytes + slot.record.payload.size());
    }
    for (size_t i = count; i < waiting; ++i) std::swap(slots[i - count].record, slots[i].record);
    waiting -= count;
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace occam
