#include "coder/container/segment_finder.h"

#include <algorithm>
#include <utility>

#include "coder/container/archives.h"
#include "coder/container/container_directory.h"
#include "coder/container/look_ahead.h"
#include "coder/container/short_archive.h"
#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

class IndexedFinder final : public SegmentFinder {
 public:
  IndexedFinder(ByteSource& source, const FileHeader& header, ContainerDirectory directory)
      : source_(source),
        header_(header),
        directory_(std::move(directory)),
        chain_(ChainHash(0, Serialise(header))) {
    known_bytes_ = directory_.original_bytes();
    all_known_ = true;
  }

  bool Next(SegmentRecord* record) override {
    while (number_ < directory_.segments()) {
      const uint32_t number = number_++;
      try {
        *record = directory_.ReadSegment(source_, header_, number);
        chain_ = ChainHash(chain_, Serialise(record->header));
        return true;
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::kDamaged) throw;
        reasons_[number] = e.what();
      }
    }
    if (reasons_.empty() && remarks_.empty() &&
        ChainHash(chain_, directory_.index()) != directory_.chain())
      remarks_.push_back(source_.name() + " is damaged: not all of its segments are its own");
    return false;
  }

 private:
  ByteSource& source_;
  const FileHeader& header_;
  ContainerDirectory directory_;
  uint64_t chain_;
  uint32_t number_ = 0;
};

class ScanningFinder final : public SegmentFinder {
 public:
  ScanningFinder(ByteSource& source, const FileHeader& header, uint64_t segments_begin,
                 uint64_t memory_bytes)
      : header_(header),
        segments_begin_(segments_begin),
        memory_bytes_(memory_bytes),
        name_(source.name()),
        ahead_(source, segments_begin),
        chain_(ChainHash(0, Serialise(header))) {}

  bool Next(SegmentRecord* record) override {
    while (!finished_) {
      if (ahead_.EndsAt(0)) {
        FinishWithoutIndex();
      } else if (const auto segment = HeaderAt(0);
                 segment && segment->number == number_ && !last_) {
        if (Take(*segment, record)) return true;
      } else if (const Bytes index = IndexAt(0, number_); !index.empty()) {
        FinishWithIndex(index);
      } else {
        Note(fmt::format("no sound record begins at byte {}", ahead_.position()));
        if (!Bridge()) Search();
      }
    }
    return false;
  }

 private:
  void Note(const std::string& why) {
    reasons_.try_emplace(number_, name_ + " is damaged: " + why);
  }

  // A sound segment header at this distance.
  std::optional<SegmentHeader> HeaderAt(uint64_t offset) {
    const auto bytes = ahead_.Peek(offset, kSegmentHeaderBytes);
    if (bytes.size() < kSegmentHeaderBytes || bytes[0] != kSegmentTag) return std::nullopt;
    ByteReader hash(bytes.last(4), {});  // asked first: searching meets many that are none
    if (hash.Get<uint32_t>() != static_cast<uint32_t>(Xxh3Of(bytes.first(bytes.size() - 4))))
      return std::nullopt;
    try {
      return ParseSegmentHeader(bytes, header_, name_);
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  // A sound index of these many segments at this distance; empty if there is none.
  Bytes IndexAt(uint64_t offset, uint64_t segments) {
    const auto first = ahead_.Peek(offset, 1);
    if (first.empty() || first[0] != kIndexTag) return {};
    const uint64_t size = kIndexFrameBytes + kIndexEntryBytes * segments;
    if (2 * size > memory_bytes_) return {};
    const auto bytes = ahead_.Peek(offset, size);
    if (bytes.size() < size) return {};
    ByteReader in(bytes.subspan(1), name_);
    for (uint64_t i = 0; i < segments; ++i) {
      IndexEntry entry;
      entry.payload_bytes = in.Get<uint32_t>();
      entry.original_bytes = in.Get<uint32_t>();
      if (!IsPossible(entry, i + 1 == segments, header_)) return {};
    }
    if (in.Get<uint64_t>() != Xxh3Of(bytes.first(size - 8))) return {};
    return {bytes.begin(), bytes.end()};
  }

  // Whether what is at this distance can follow the segment before `number`.
  bool RecordAt(uint64_t offset, uint32_t number) {
    const auto segment = HeaderAt(offset);
    return (segment && segment->number == number) || !IndexAt(offset, number).empty();
  }

  bool PayloadMatches(uint64_t offset, const SegmentHeader& segment) {
    const auto payload = ahead_.Peek(offset + kSegmentHeaderBytes, segment.payload_bytes);
    return payload.size() == segment.payload_bytes && Xxh3Of(payload) == segment.payload_hash;
  }

  // The segment that should come, with a sound header. False if its payload is not sound.
  bool Take(const SegmentHeader& segment, SegmentRecord* record) {
    const uint64_t size = kSegmentHeaderBytes + segment.payload_bytes;
    known_bytes_ = uint64_t{number_} * header_.segment_bytes() + segment.original_bytes;
    last_ = segment.original_bytes < header_.segment_bytes();
    const bool sound = PayloadMatches(0, segment);
    if (sound) {
      const auto payload = ahead_.Peek(kSegmentHeaderBytes, segment.payload_bytes);
      record->header = segment;
      record->payload.assign(payload.begin(), payload.end());
      chain_ = ChainHash(chain_, Serialise(segment));
    } else if (ahead_.EndsAt(size - 1) && segment.payload_bytes > 0) {
      Note(fmt::format("it is cut off within segment {}", number_));
    } else {
      Note(fmt::format("the payload of segment {} is not what was written", number_));
    }
    ++number_;
    if (sound || ahead_.EndsAt(size) || RecordAt(size, number_) || DamagedLength(size) > 0) {
      ahead_.Skip(size);
    } else {
      ahead_.Skip(kSegmentHeaderBytes);
      Search();
    }
    return sound;
  }

  // The length of the record at this distance, of a segment with a damaged header, if what this
  // says of it leads to the next record; otherwise 0.
  uint64_t DamagedLength(uint64_t offset) {
    const auto bytes = ahead_.Peek(offset, kSegmentHeaderBytes);
    if (bytes.size() < kSegmentHeaderBytes || last_) return 0;
    ByteReader payload_bytes(bytes.subspan(14, 4), name_);
    const uint64_t size = kSegmentHeaderBytes + payload_bytes.Get<uint32_t>();
    const bool possible = size <= kSegmentHeaderBytes + header_.segment_bytes();
    return possible && RecordAt(offset + size, number_ + 1) ? size : 0;
  }

  // Over a segment with a damaged header that still says how long its payload is.
  bool Bridge() {
    const uint64_t size = DamagedLength(0);
    if (size == 0) return false;
    ++number_;
    ahead_.Skip(size);
    return true;
  }

  // To the next header that can be trusted, or to the end. The segments between are lost.
  void Search() {
    const uint64_t lost_begin = ahead_.position();
    bool other_archive = false;
    ahead_.Skip(1);
    while (!ahead_.EndsAt(0)) {
      const auto bytes = ahead_.Peek(0, 1 << 16);
      const auto tag = std::ranges::find_if(
          bytes, [](uint8_t b) { return b == kSegmentTag || b == kContainerMagic[0]; });
      const bool found = tag != bytes.end();
      ahead_.Skip(static_cast<uint64_t>(tag - bytes.begin()));
      if (!found) continue;
      other_archive = other_archive || FileHeaderHere();
      const auto segment = HeaderAt(0);
      if (segment && segment->number >= number_ && !last_) {
        // No segment is believed in that neither bytes nor an index speak for.
        const uint64_t lost = segment->number - number_;
        const bool has_room = lost * kSegmentHeaderBytes <= ahead_.position() - lost_begin;
        if (Trusted(*segment, /*needs_index=*/!has_room || other_archive, other_archive)) {
          number_ = segment->number;
          return;
        }
      }
      ahead_.Skip(1);
    }
  }

  // Whether the sound segments from here on cannot lie within one payload; `needs_index`: and an
  // index follows them, which has them all; `other_archive`: a file header was passed over.
  bool Trusted(SegmentHeader segment, bool needs_index, bool other_archive) {
    uint64_t end = 0;
    uint32_t next = segment.number;
    for (;;) {
      if (!PayloadMatches(end, segment)) return false;
      end += kSegmentHeaderBytes + segment.payload_bytes;
      ++next;
      if (end > header_.segment_bytes() && !needs_index) return true;
      if (const Bytes index = IndexAt(end, next); !index.empty())
        return EndsOwnArchive(end + index.size(), next, other_archive);
      const auto following = HeaderAt(end);
      const bool full = segment.original_bytes == header_.segment_bytes();
      if (!full || !following || following->number != next) return false;
      segment = *following;
    }
  }

  // Whether a sound file header begins here: of another archive, or in somebody's data.
  bool FileHeaderHere() {
    if (!BeginsArchive(ahead_.Peek(0, kContainerMagic.size()))) return false;
    if (BeginsShortArchive(ahead_.Peek(0, kFormBytes))) return true;
    try {
      ParseFileHeader(ahead_.Peek(0, kFileHeaderBytes), name_);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  // Whether the index of these many segments, which ends at this distance, is this archive's. An
  // end record of the right length tells it. Where bytes were lost, or it is damaged, the index
  // must end a source in which no other archive was seen.
  bool EndsOwnArchive(uint64_t offset, uint64_t segments, bool other_archive) {
    const uint64_t end_offset = offset + kEndRecordBytes;
    try {
      const EndRecord end = ParseEndRecord(ahead_.Peek(offset, kEndRecordBytes), name_);
      if (end.segments == segments && end.file_bytes == ahead_.position() + end_offset) return true;
    } catch (const Error&) {
      // The other way tells, then.
    }
    return !other_archive && ahead_.EndsAt(end_offset);
  }

  void FinishWithIndex(const Bytes& index) {
    finished_ = all_known_ = true;
    known_bytes_ = 0;
    ByteReader in(index, name_);
    in.Get<uint8_t>();
    for (uint32_t i = 0; i < number_; ++i) {
      in.Get<uint32_t>();
      known_bytes_ += in.Get<uint32_t>();
    }
    const bool whole = reasons_.empty();
    ahead_.Skip(index.size());
    const auto bytes = ahead_.Peek(0, kEndRecordBytes);
    try {
      const EndRecord end = ParseEndRecord(bytes, name_);
      ahead_.Skip(kEndRecordBytes);
      if (end.segments != number_ || end.original_bytes != known_bytes_ ||
          end.file_bytes != ahead_.position() || (whole && end.chain != ChainHash(chain_, index))) {
        remarks_.push_back(name_ + " is damaged: the end record does not match the segments");
      }
    } catch (const Error& e) {
      remarks_.emplace_back(e.what());
      if (BeginsArchive(ahead_.Peek(kEndRecordBytes, kContainerMagic.size())))
        ahead_.Skip(kEndRecordBytes);
    }
    LookForNextArchive(&ahead_, name_);
  }

  // At the end of the source. The end record may be there, if nothing that leads to it.
  void FinishWithoutIndex() {
    finished_ = true;
    all_known_ = last_;
    const auto tail = ahead_.tail();
    if (tail.size() >= kEndRecordBytes) {
      try {
        const EndRecord end = ParseEndRecord(tail.last(kEndRecordBytes), name_);
        // Not that of a file within this one.
        if (end.file_bytes == ahead_.position() && end.original_bytes >= known_bytes_ &&
            HasRoomFor(end)) {
          known_bytes_ = end.original_bytes;
          all_known_ = true;
          return;
        }
      } catch (const Error&) {
        // No end record, then.
      }
    }
    Note(fmt::format("it is cut off at byte {}", ahead_.position()));
  }

  // Whether the file is long enough for the segments of its end record, and they for its bytes.
  bool HasRoomFor(const EndRecord& end) const {
    const uint64_t segments = end.segments;
    const uint64_t least = segments_begin_ + segments * (kSegmentHeaderBytes + kIndexEntryBytes) +
                           kIndexFrameBytes + kEndRecordBytes;
    return least <= end.file_bytes && end.original_bytes <= segments * header_.segment_bytes();
  }

  const FileHeader& header_;
  const uint64_t segments_begin_;
  const uint64_t memory_bytes_;
  std::string name_;
  LookAhead ahead_;
  uint64_t chain_;
  uint32_t number_ = 0;  // of the segment that should come
  bool last_ = false;    // the one before it is not full, so that none should come
  bool finished_ = false;
};

class ShortFinder final : public SegmentFinder {
 public:
  ShortFinder(ByteSource& source, ContainerReader& reader)
      : reader_(reader), name_(source.name()), ahead_(source, /*position=*/0) {
    if (!reader.damage().empty()) reasons_[0] = reader.damage();
  }

  bool Next(SegmentRecord* record) override {
    if (reader_.damage().empty() && reader_.Next(record)) {
      known_bytes_ = record->header.original_bytes;
      return true;
    }
    all_known_ = reader_.damage().empty();
    LookForNextArchive(&ahead_, name_);
    return false;
  }

 private:
  ContainerReader& reader_;
  std::string name_;
  LookAhead ahead_;
};

}  // namespace

void SegmentFinder::LookForNextArchive(LookAhead* ahead, const std::string& name) {
  for (;;) {
    const auto bytes = ahead->Peek(0, 1 << 16);
    const auto nonzero = std::ranges::find_if(bytes, [](uint8_t b) { return b != 0; });
    ahead->Skip(static_cast<uint64_t>(nonzero - bytes.begin()));
    if (bytes.empty()) return;
    if (nonzero != bytes.end()) break;
  }
  if (BeginsArchive(ahead->Peek(0, kContainerMagic.size()))) {
    next_archive_ = ahead->TakeRest();
  } else {
    remarks_.push_back(name + " is damaged: something follows the end of the file");
  }
}

std::unique_ptr<SegmentFinder> FindShortSegment(ByteSource& source, ContainerReader& reader) {
  return std::make_unique<ShortFinder>(source, reader);
}

std::unique_ptr<SegmentFinder> FindSegments(ByteSource& source, const FileHeader& header,
                                            uint64_t segments_begin, uint64_t memory_bytes) {
  try {
    if (auto directory = ContainerDirectory::Read(source, header, segments_begin, memory_bytes))
      return std::make_unique<IndexedFinder>(source, header, std::move(*directory));
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kDamaged) throw;
    source.Seek(segments_begin);
  }
  return std::make_unique<ScanningFinder>(source, header, segments_begin, memory_bytes);
}

}  // namespace occam
