#include "coder/decompressor.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <span>
#include <string>

#include "coder/container_reader.h"
#include "coder/progress_meter.h"
#include "coder/segment_codec.h"
#include "data/base/error.h"
#include "data/base/thread_team.h"

namespace occam {
namespace {

class DroppingSink final : public ByteSink {
 public:
  void Write(std::span<const uint8_t>) override {}
  void Commit() override {}
  std::string name() const override { return "nothing"; }
};

std::string ShortId(const Sha256Digest& id) { return Hex(std::span(id).first(8)); }

// Throws unless `model` is the one the header asks for.
void CheckModelFits(const FileHeader& header, const StreamModel* model, const std::string& name) {
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
      model->vocabulary != 256) {
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

// What the reader gave until all slots are full, the file ends (*more becomes false) or something
// is wrong (*failure): what came before it is good and still to be decoded.
int ReadBatch(ContainerReader& reader, std::vector<Slot>& slots, bool* more,
              std::exception_ptr* failure) {
  int filled = 0;
  try {
    while (filled < static_cast<int>(slots.size()) && *more) {
      *more = reader.Next(&slots[static_cast<size_t>(filled)].record);
      if (*more) ++filled;
    }
  } catch (...) {
    *failure = std::current_exception();
  }
  return filled;
}

void DecodeBatch(ThreadTeam& team, std::span<Slot> slots, ProgressMeter& meter,
                 const std::string& name) {
  const int count = static_cast<int>(slots.size());
  const int threads = team.size() / std::max(1, count);
  team.Run(count, [&](int item, int) {
    Slot& slot = slots[static_cast<size_t>(item)];
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

ContainerStats Decompress(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                          const CodecOptions& options) {
  ContainerReader reader(source);
  const FileHeader& header = reader.header();
  const StreamModel* model = nullptr;
  if (header.has_model()) {
    model = find_model(header);
    CheckModelFits(header, model, source.name());
  }
  ThreadTeam team(options.threads);
  std::vector<Slot> slots(static_cast<size_t>(team.size()));
  for (Slot& slot : slots) slot.codec = std::make_unique<SegmentCodec>(header, model);
  ProgressMeter meter(options.progress);
  ContainerStats stats;

  std::exception_ptr failure;
  for (bool more = true; more && !failure;) {
    const int filled = ReadBatch(reader, slots, &more, &failure);
    const auto batch = std::span(slots).first(static_cast<size_t>(filled));
    DecodeBatch(team, batch, meter, source.name());
    for (const Slot& slot : batch) {
      if (slot.failure) std::rethrow_exception(slot.failure);
      sink.Write(slot.original);
      stats.Add(slot.record.header);
      meter.Add(0, kSegmentHeaderBytes + slot.record.payload.size());
    }
  }
  if (failure) std::rethrow_exception(failure);
  stats.file_bytes = reader.file_bytes();
  return stats;
}

ContainerStats Decompress(ByteSource& source, ByteSink& sink, const StreamModel* model,
                          const CodecOptions& options) {
  return Decompress(
      source, sink, [model](const FileHeader&) { return model; }, options);
}

std::unique_ptr<ByteSink> NullSink() { return std::make_unique<DroppingSink>(); }

FileInfo ReadFileInfo(ByteSource& source) {
  ContainerReader reader(source);
  FileInfo info;
  info.header = reader.header();
  SegmentRecord record;
  while (reader.Next(&record)) {
    info.segments.push_back(record.header);
    info.totals.Add(record.header);
  }
  info.totals.file_bytes = reader.file_bytes();
  return info;
}

}  // namespace occam
