#include "coder/archive/salvage.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <map>
#include <utility>

#include "coder/archive/segment_decoder.h"
#include "coder/container/archives.h"
#include "coder/container/container_reader.h"
#include "coder/container/segment_finder.h"
#include "data/base/error.h"

namespace occam {
namespace {

using Reasons = std::map<uint32_t, std::string>;  // by the first segment of a damaged row

// Writes segments at their places and zeros between them.
class PatchedSink {
 public:
  PatchedSink(ByteSink& sink, uint64_t segment_bytes)
      : sink_(sink), segment_bytes_(segment_bytes) {}

  void Write(uint64_t position, std::span<const uint8_t> bytes) {
    FillTo(position);
    sink_.Write(bytes);
    position_ += bytes.size();
  }
  void FillTo(uint64_t position) {
    if (position > position_) gaps_.push_back({position_, position, {}});
    const Bytes zeros(std::min<uint64_t>(position - position_, 1 << 20));
    while (position_ < position) {
      const auto piece = std::min<uint64_t>(zeros.size(), position - position_);
      sink_.Write(std::span(zeros).first(piece));
      position_ += piece;
    }
  }
  uint64_t position() const { return position_; }

  // The gaps, cut where a reason begins.
  std::vector<MissingRange> Missing(const Reasons& reasons) const {
    std::vector<MissingRange> missing;
    for (const MissingRange& gap : gaps_) {
      auto reason = reasons.lower_bound(static_cast<uint32_t>(gap.begin / segment_bytes_));
      for (uint64_t begin = gap.begin; begin < *gap.end;) {
        const std::string why = reason == reasons.end() ? "it was not found" : reason->second;
        if (reason != reasons.end()) ++reason;
        const uint64_t next = reason == reasons.end() ? *gap.end : reason->first * segment_bytes_;
        const uint64_t end = std::min(next, *gap.end);
        missing.push_back({begin, end, why});
        begin = end;
      }
    }
    return missing;
  }

 private:
  ByteSink& sink_;
  uint64_t segment_bytes_;
  uint64_t position_ = 0;
  std::vector<MissingRange> gaps_;
};

// What was salvaged of one archive, and what was read of the next.
struct SalvagedArchive {
  SalvageReport report;
  Bytes next;
  std::string damage;  // of a short archive, of which nothing can be salvaged then
};

SalvagedArchive SalvageOne(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                           const CodecOptions& options,
                           ContainerReader::Unsound unsound = ContainerReader::Unsound::kTell) {
  ContainerReader reader(source, options.memory_bytes, unsound);
  const FileHeader& header = reader.header();
  // What is not sound does not tell its model, either.
  const CodecModel* const model =
      reader.damage().empty() ? ModelFor(reader, find_model, source.name()) : nullptr;
  const auto finder = reader.is_short() ? FindShortSegment(source, reader)
                                        : FindSegments(source, header, reader.segments_begin(),
                                                       options.memory_bytes);
  const uint64_t segment_bytes = header.segment_bytes();
  PatchedSink patched(sink, segment_bytes);
  SalvageReport report;
  Reasons undecodable;
  DecodeSegments(
      header, model, source.name(), options, reader.model().size(),
      [&](SegmentRecord* record) { return finder->Next(record); },
      [&](const SegmentRecord& record, std::span<const uint8_t> original,
          const std::exception_ptr& failure) {
        try {
          if (failure) std::rethrow_exception(failure);
        } catch (const Error& e) {
          if (e.kind() != ErrorKind::kDamaged) throw;
          undecodable[record.header.number] = e.what();
          return;
        }
        patched.Write(record.header.number * segment_bytes, original);
        report.stats.Add(record.header);
      });
  patched.FillTo(std::max(finder->known_bytes(), patched.position()));
  Reasons reasons = finder->reasons();
  reasons.merge(undecodable);
  report.missing = patched.Missing(reasons);
  report.remarks = finder->remarks();
  // A reason that cost nothing is still damage; one at the end may have cost nobody knows what.
  for (const auto& [number, why] : reasons) {
    const uint64_t begin = number * segment_bytes;
    const bool told = std::ranges::any_of(report.missing, [&](const MissingRange& range) {
      return range.begin <= begin && begin < *range.end;
    });
    if (told) continue;
    if (!finder->all_known() && begin >= patched.position()) {
      report.missing.push_back({patched.position(), std::nullopt, why});
    } else {
      report.remarks.push_back(why);
    }
  }
  report.stats.original_bytes = patched.position();
  const uint64_t restored_bytes =
      report.stats.payload_bytes + report.stats.segments * kSegmentHeaderBytes;
  report.stats.file_bytes = source.size_bytes().value_or(reader.segments_begin() + restored_bytes);
  report.stats.model_bytes = reader.model().size();
  return {std::move(report), finder->TakeNextArchive(), reader.damage()};
}

// Adds what was salvaged of the next archive.
void Append(SalvageReport next, SalvageReport* report) {
  const uint64_t before = report->stats.original_bytes;
  for (MissingRange& range : next.missing) {
    range.begin += before;
    if (range.end) *range.end += before;
    report->missing.push_back(std::move(range));
  }
  for (std::string& remark : next.remarks) report->remarks.push_back(std::move(remark));
  report->stats.Add(next.stats);
}

// By the places of the archives. One of which not even the header can be read costs itself alone,
// unless it is the first.
SalvageReport SalvageAll(ByteSource& source, std::span<const ArchiveExtent> archives,
                         ByteSink& sink, const ModelFinder& find_model,
                         const CodecOptions& options) {
  SalvageReport report;
  const auto unsound =
      archives.size() == 1 ? ContainerReader::Unsound::kRefuse : ContainerReader::Unsound::kTell;
  for (size_t i = 0; i < archives.size(); ++i) {
    ArchiveSource archive(source, archives[i], ArchiveName(source.name(), i));
    try {
      const CodecOptions going_on = ProgressFrom(options, report.stats);
      Append(SalvageOne(archive, sink, find_model, going_on, unsound).report, &report);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kDamaged || i == 0) throw;
      const uint64_t begin = report.stats.original_bytes;
      report.missing.push_back({begin, std::nullopt, error.what()});
      report.stats.file_bytes += archives[i].file_bytes;
    }
  }
  report.stats.file_bytes = source.size_bytes().value_or(report.stats.file_bytes);
  return report;
}

// In the order of the source, as far as ends of archives are found.
SalvageReport SalvageInOrder(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                             const CodecOptions& options) {
  SalvagedArchive first = SalvageOne(source, sink, find_model, options);
  if (!first.damage.empty() && first.next.empty()) throw DamagedError(first.damage);
  SalvageReport report = std::move(first.report);
  Bytes next = std::move(first.next);
  for (uint64_t number = 1; !next.empty(); ++number) {
    ArchiveSequence rest(source, std::exchange(next, {}), number);
    try {
      SalvagedArchive archive =
          SalvageOne(rest, sink, find_model, ProgressFrom(options, report.stats));
      Append(std::move(archive.report), &report);
      next = std::move(archive.next);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kDamaged) throw;
      report.missing.push_back({report.stats.original_bytes, std::nullopt, error.what()});
    }
    const Bytes unread = rest.TakeRest();
    if (!next.empty()) std::ranges::copy(unread, std::back_inserter(next));
  }
  report.stats.file_bytes = source.size_bytes().value_or(report.stats.file_bytes);
  return report;
}

// Null where the source cannot seek, or where not all ends of archives are sound.
std::optional<std::vector<ArchiveExtent>> TryToFindArchives(ByteSource& source,
                                                            uint64_t memory_bytes) {
  try {
    return FindArchives(source, memory_bytes);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kDamaged) throw;
    return std::nullopt;
  }
}

}  // namespace

SalvageReport DecompressKeepGoing(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                                  const CodecOptions& options) {
  const auto archives = TryToFindArchives(source, options.memory_bytes);
  if (archives) return SalvageAll(source, *archives, sink, find_model, options);
  if (source.size_bytes()) source.Seek(0);
  return SalvageInOrder(source, sink, find_model, options);
}

}  // namespace occam
