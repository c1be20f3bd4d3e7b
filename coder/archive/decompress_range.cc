#include "coder/archive/decompress_range.h"

#include <algorithm>
#include <limits>
#include <string>

#include "coder/archive/segment_decoder.h"
#include "coder/container/container_directory.h"
#include "coder/container/container_reader.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

constexpr uint64_t kNoEnd = std::numeric_limits<uint64_t>::max();

// Bytes [begin, end) of the original; kNoEnd: to its end.
struct Span64 {
  uint64_t begin;
  uint64_t end;
};

void CheckWithin(const Span64& range, uint64_t original_bytes, const std::string& name) {
  if (range.begin <= original_bytes && (range.end == kNoEnd || range.end <= original_bytes)) return;
  throw UsageError(fmt::format("the range goes beyond the end of {}, which holds {} bytes", name,
                               original_bytes));
}

// The segments of the range, from a source that can seek.
NextSegmentFn FromDirectory(ByteSource& source, const FileHeader& header,
                            const ContainerDirectory& directory, const Span64& range) {
  const uint64_t size = header.segment_bytes();
  const uint64_t end = std::min(range.end, directory.original_bytes());
  const auto first = static_cast<uint32_t>(range.begin / size);
  const uint64_t last = range.begin < end ? (end - 1) / size + 1 : first;
  return [&source, &header, &directory, number = first, last](SegmentRecord* record) mutable {
    if (number >= last) return false;
    *record = directory.ReadSegment(source, header, number);
    ++number;
    return true;
  };
}

// The same from one that is read in order.
NextSegmentFn FromReader(ContainerReader& reader, const Span64& range, const std::string& name) {
  return [&reader, range, name](SegmentRecord* record) {
    while (reader.original_bytes() < std::max(range.begin, range.end)) {
      if (!reader.Next(record)) {
        CheckWithin(range, reader.original_bytes(), name);
        return false;
      }
      if (reader.original_bytes() > range.begin) return true;
    }
    return false;
  };
}

}  // namespace

ContainerStats DecompressRange(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                               const OriginalRange& range, const CodecOptions& options) {
  Span64 wanted{range.offset, kNoEnd};
  if (range.length) wanted.end = range.offset + std::min(*range.length, kNoEnd - 1 - range.offset);
  ContainerReader reader(source, options.memory_bytes);
  const FileHeader& header = reader.header();
  const CodecModel* const model = ModelFor(reader, find_model, source.name());
  const auto directory =
      ContainerDirectory::Read(source, header, reader.segments_begin(), options.memory_bytes);
  if (directory) CheckWithin(wanted, directory->original_bytes(), source.name());

  ContainerStats stats;
  stats.file_bytes = reader.segments_begin();
  stats.model_bytes = reader.model().size();
  uint64_t written = 0;
  DecodeSegments(header, model, source.name(), options, reader.model().size(),
                 directory ? FromDirectory(source, header, *directory, wanted)
                           : FromReader(reader, wanted, source.name()),
                 [&](const SegmentRecord& record, std::span<const uint8_t> original,
                     const std::exception_ptr& failure) {
                   if (failure) std::rethrow_exception(failure);
                   const uint64_t start = uint64_t{record.header.number} * header.segment_bytes();
                   const uint64_t begin = std::max(start, wanted.begin);
                   const uint64_t end = std::min(start + original.size(), wanted.end);
                   sink.Write(original.subspan(begin - start, end - begin));
                   written += end - begin;
                   stats.Add(record.header);
                   stats.file_bytes += kSegmentHeaderBytes + record.payload.size();
                 });
  stats.original_bytes = written;
  return stats;
}

}  // namespace occam
