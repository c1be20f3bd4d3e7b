#include "coder/archive/decompressor.h"

#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "coder/archive/segment_decoder.h"
#include "coder/archive/segment_memory.h"
#include "coder/container/archives.h"
#include "coder/container/container_reader.h"
#include "coder/predict/network_predictor.h"
#include "data/base/error.h"

namespace occam {
namespace {

class DroppingSink final : public ByteSink {
 public:
  void Write(std::span<const uint8_t>) override {}
  void Commit() override {}
  std::string name() const override { return "nothing"; }
};

ContainerStats DecompressOne(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                             const CodecOptions& options) {
  ContainerReader reader(source, options.memory_bytes);
  const CodecModel* const model = ModelFor(reader, find_model, source.name());
  ContainerStats stats;
  DecodeSegments(
      reader.header(), model, source.name(), options, reader.model().size(),
      [&](SegmentRecord* record) { return reader.Next(record); },
      [&](const SegmentRecord& record, std::span<const uint8_t> original,
          const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
        sink.Write(original);
        stats.Add(record.header);
      });
  stats.file_bytes = reader.file_bytes();
  stats.model_bytes = reader.model().size();
  return stats;
}

FileInfo ReadOneInfo(ByteSource& source, uint64_t memory_bytes) {
  ContainerReader reader(source, memory_bytes);
  FileInfo info;
  info.header = reader.header();
  info.model = reader.model();
  info.totals.model_bytes = info.model.size();
  SegmentRecord record;
  while (reader.Next(&record)) {
    info.segments.push_back(record.header);
    info.totals.Add(record.header);
  }
  info.totals.file_bytes = reader.file_bytes();
  return info;
}

}  // namespace

ContainerStats Decompress(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                          const CodecOptions& options) {
  ArchiveSequence archives(source);
  ContainerStats stats;
  do {
    stats.Add(DecompressOne(archives, sink, find_model, ProgressFrom(options, stats)));
    stats.file_bytes = archives.file_bytes();
  } while (archives.Next());
  stats.file_bytes = archives.file_bytes();
  return stats;
}

ContainerStats Decompress(ByteSource& source, ByteSink& sink, const CodecModel* model,
                          const CodecOptions& options) {
  return Decompress(
      source, sink, [model](const FileHeader&, std::span<const uint8_t>) { return model; },
      options);
}

std::unique_ptr<ByteSink> NullSink() { return std::make_unique<DroppingSink>(); }

void ReadFileInfos(ByteSource& source, const TakeFileInfoFn& take, uint64_t memory_bytes) {
  ArchiveSequence archives(source);
  bool more = true;
  for (uint64_t begin = 0; more; begin = archives.file_bytes()) {
    FileInfo info = ReadOneInfo(archives, memory_bytes);
    more = archives.Next();
    // The zeros after an archive count as its headers.
    info.totals.file_bytes = archives.file_bytes() - begin;
    take(info);
  }
}

FileInfo ReadFileInfo(ByteSource& source, uint64_t memory_bytes) {
  std::optional<FileInfo> info;
  ReadFileInfos(
      source,
      [&](const FileInfo& found) {
        if (info) throw UsageError(source.name() + " holds several archives");
        info = found;
      },
      memory_bytes);
  return std::move(*info);
}

RestoringCosts CostsOfRestoring(const FileInfo& info, const ModelHead* head) {
  CodecModel model;
  if (head != nullptr) {
    model.vocabulary = head->config.vocabulary;
    TellCosts(*head, &model);
  }
  const CodecModel* const needed = head == nullptr ? nullptr : &model;
  RestoringCosts costs;
  costs.memory_bytes = RestoringMemory(info.header, needed, info.model.size());
  for (const SegmentHeader& segment : info.segments) {
    if (segment.method == CodingMethod::kModel)
      costs.multiplications += segment.symbols * model.symbol_multiplications;
  }
  return costs;
}

}  // namespace occam
