#include "coder/archive/decompress_range.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "coder/archive/segment_decoder.h"
#include "coder/container/archives.h"
#include "coder/container/container_directory.h"
#include "coder/container/container_reader.h"
#include "coder/container/short_archive.h"
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

// Takes the part of an archive's segments that lies in the range of its own original, and counts
// it.
class RangeTaker {
 public:
  RangeTaker(ByteSink& sink, const FileHeader& header, const Span64& range)
      : sink_(sink), segment_bytes_(header.segment_bytes()), range_(range) {}

  void Take(const SegmentRecord& record, std::span<const uint8_t> original,
            const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
    const uint64_t start = record.header.number * segment_bytes_;
    const uint64_t begin = std::max(start, range_.begin);
    const uint64_t end = std::min(start + original.size(), range_.end);
    sink_.Write(original.subspan(begin - start, end - begin));
    written_ += end - begin;
    stats_.Add(record.header);
    stats_.file_bytes += kSegmentHeaderBytes + record.payload.size();
  }
  // The header and the model were read, too.
  ContainerStats Finish(const ContainerReader& reader) {
    stats_.original_bytes = written_;
    stats_.file_bytes += reader.segments_begin();
    stats_.model_bytes = reader.model().size();
    return stats_;
  }

 private:
  ByteSink& sink_;
  uint64_t segment_bytes_;
  Span64 range_;
  uint64_t written_ = 0;
  ContainerStats stats_;
};

ContainerStats DecodeInOrder(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                             const Span64& range, const CodecOptions& options,
                             uint64_t* original_bytes);

// A range of an archive that can be entered by its index.
ContainerStats DecodeByIndex(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                             const Span64& range, const CodecOptions& options) {
  const ContainerReader reader(source, options.memory_bytes);
  if (reader.is_short()) {
    uint64_t original_bytes = 0;
    source.Seek(0);
    return DecodeInOrder(source, sink, find_model, range, options, &original_bytes);
  }
  const FileHeader& header = reader.header();
  const CodecModel* const model = ModelFor(reader, find_model, source.name());
  const auto directory =
      ContainerDirectory::Read(source, header, reader.segments_begin(), options.memory_bytes);
  directory->CheckChain(source, header);
  const uint64_t end = std::min(range.end, directory->original_bytes());
  auto number = static_cast<uint32_t>(range.begin / header.segment_bytes());
  const uint64_t last = range.begin < end ? (end - 1) / header.segment_bytes() + 1 : number;
  RangeTaker taker(sink, header, range);
  DecodeSegments(
      header, model, source.name(), options, reader.model().size(),
      [&](SegmentRecord* record) {
        if (number >= last) return false;
        *record = directory->ReadSegment(source, header, number++);
        return true;
      },
      [&](const SegmentRecord& record, std::span<const uint8_t> original,
          const std::exception_ptr& failure) { taker.Take(record, original, failure); });
  return taker.Finish(reader);
}

// Reads an archive in order. `*original_bytes` becomes the number that it holds, which is known
// once its end was read, as happens wherever a part of the range lies in it.
ContainerStats DecodeInOrder(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                             const Span64& range, const CodecOptions& options,
                             uint64_t* original_bytes) {
  ContainerReader reader(source, options.memory_bytes);
  SegmentRecord first;
  bool ended = false;
  const auto next = [&](SegmentRecord* record) {
    while (!ended && reader.original_bytes() < range.end) {
      ended = !reader.Next(record);
      if (!ended && reader.original_bytes() > range.begin) return true;
    }
    return false;
  };
  RangeTaker taker(sink, reader.header(), range);
  // A model that no part of the range needs may be missing.
  if (next(&first)) {
    const CodecModel* const model = ModelFor(reader, find_model, source.name());
    bool first_given = false;
    DecodeSegments(
        reader.header(), model, source.name(), options, reader.model().size(),
        [&](SegmentRecord* record) {
          if (first_given) return next(record);
          first_given = true;
          *record = std::move(first);
          return true;
        },
        [&](const SegmentRecord& record, std::span<const uint8_t> original,
            const std::exception_ptr& failure) { taker.Take(record, original, failure); });
  }
  // Only its end tells that all that was read is of one archive.
  for (SegmentRecord rest; !ended;) ended = !reader.Next(&rest);
  *original_bytes = reader.original_bytes();
  return taker.Finish(reader);
}

// The range less `before` bytes.
Span64 Later(const Span64& range, uint64_t before) {
  const auto less = [before](uint64_t place) { return place - std::min(place, before); };
  return {less(range.begin), range.end == kNoEnd ? kNoEnd : less(range.end)};
}

ContainerStats FromArchives(ByteSource& source, std::span<const ArchiveExtent> archives,
                            ByteSink& sink, const ModelFinder& find_model, const Span64& range,
                            const CodecOptions& options) {
  uint64_t total = 0;
  for (const ArchiveExtent& archive : archives)
    total = SaturatingSum(total, archive.original_bytes);
  CheckWithin(range, total, source.name());
  ContainerStats stats;
  uint64_t begin = 0;
  for (size_t i = 0; i < archives.size(); ++i) {
    const uint64_t end = begin + archives[i].original_bytes;
    const bool overlaps = range.begin < end && begin < range.end;
    // Of no bytes at all the place is checked.
    const bool empty = range.begin == std::min(range.end, total);
    const bool is_place = empty && stats.file_bytes == 0 && range.begin <= end;
    if (overlaps || is_place) {
      ArchiveSource archive(source, archives[i], ArchiveName(source.name(), i));
      stats.Add(DecodeByIndex(archive, sink, find_model, Later(range, begin),
                              ProgressFrom(options, stats)));
    }
    begin = end;
  }
  return stats;
}

ContainerStats FromSequence(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                            const Span64& range, const CodecOptions& options) {
  ArchiveSequence archives(source);
  ContainerStats stats;
  uint64_t before = 0;
  do {
    uint64_t original_bytes = 0;
    stats.Add(DecodeInOrder(archives, sink, find_model, Later(range, before),
                            ProgressFrom(options, stats), &original_bytes));
    before = SaturatingSum(before, original_bytes);
  } while (range.end > before && archives.Next());
  CheckWithin(range, before, source.name());
  return stats;
}

// A file that is none of Occam's is called that, rather than one with a damaged end.
void CheckBegin(ByteSource& source) {
  Bytes bytes(kFileHeaderBytes);
  bytes.resize(source.Read(bytes));
  if (BeginsShortArchive(bytes)) return;
  ParseFileHeader(bytes, source.name());
}

}  // namespace

ContainerStats DecompressRange(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                               const OriginalRange& range, const CodecOptions& options) {
  Span64 wanted{range.offset, kNoEnd};
  if (range.length) wanted.end = range.offset + std::min(*range.length, kNoEnd - 1 - range.offset);
  if (!source.size_bytes() || !source.Seek(0))
    return FromSequence(source, sink, find_model, wanted, options);
  CheckBegin(source);
  const auto archives = FindArchives(source, options.memory_bytes);
  return FromArchives(source, *archives, sink, find_model, wanted, options);
}

}  // namespace occam
