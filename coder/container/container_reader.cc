#include "coder/container/container_reader.h"

#include <algorithm>
#include <utility>

#include "coder/container/short_archive.h"
#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

// Memory grows with what was really read, whatever a length field says.
constexpr uint64_t kReadPiece = 1 << 20;

}  // namespace

Bytes TakeBytes(ByteSource& source, uint64_t* position, uint64_t count, const char* what,
                uint64_t memory_bytes) {
  Bytes bytes;
  while (bytes.size() < count) {
    // A vector that grows is there twice for a moment.
    RequireMemory(2 * bytes.size(), memory_bytes, source.name());
    const size_t before = bytes.size();
    bytes.resize(before + static_cast<size_t>(std::min(kReadPiece, count - before)));
    const size_t got = source.Read(std::span(bytes).subspan(before));
    *position += got;
    if (before + got < bytes.size()) {
      throw DamagedError(fmt::format("{} is cut off: it ends at byte {}, within {}", source.name(),
                                     *position, what));
    }
  }
  return bytes;
}

void CheckPayload(const SegmentRecord& record, const std::string& name) {
  if (Xxh3Of(record.payload) == record.header.payload_hash) return;
  throw DamagedError(fmt::format("{} is damaged: the payload of segment {} is not what was written",
                                 name, record.header.number));
}

ContainerReader::ContainerReader(ByteSource& source, uint64_t memory_bytes, Unsound unsound)
    : source_(source), memory_bytes_(memory_bytes) {
  Bytes bytes(kFormBytes);
  bytes.resize(source_.Read(bytes));
  if (BeginsShortArchive(bytes)) {
    ReadShort(std::move(bytes), unsound);
    return;
  }
  if (bytes.size() == kFormBytes) {
    bytes.resize(kFileHeaderBytes);
    bytes.resize(kFormBytes + source_.Read(std::span(bytes).subspan(kFormBytes)));
  }
  header_ = ParseFileHeader(bytes, source_.name());
  position_ = bytes.size();
  chain_ = ChainHash(0, bytes);
  if (header_.embeds_model) ReadModel();
  segments_begin_ = position_;
}

ContainerReader::~ContainerReader() = default;

void ContainerReader::ReadShort(Bytes begin, Unsound unsound) {
  ShortArchive archive = ReadShortArchive(source_, std::move(begin), memory_bytes_);
  header_ = archive.head.header;
  model_ = std::move(archive.head.model);
  segments_begin_ = position_ = archive.head.bytes.size();
  short_bytes_ = archive.file_bytes;
  if (archive.segment)
    short_segment_ = std::make_unique<SegmentRecord>(*std::move(archive.segment));
  if (archive.sound) return;
  damage_ = source_.name() + " is damaged: its bytes do not match their checksum";
  if (unsound == Unsound::kRefuse) throw DamagedError(damage_);
}

bool ContainerReader::NextOfShort(SegmentRecord* record) {
  if (!short_segment_) {
    position_ = short_bytes_;
    return false;
  }
  *record = std::move(*short_segment_);
  short_segment_.reset();
  position_ += record->payload.size();
  original_bytes_ += record->header.original_bytes;
  return true;
}

void ContainerReader::ReadModel() {
  const Bytes block = Take(sizeof(uint64_t), "the embedded model");
  const auto size = ByteReader(block, source_.name()).Get<uint64_t>();
  if (size > kMaxEmbeddedModelBytes) throw DamagedHere("no model is as long as the embedded one");
  model_ = Take(size, "the embedded model");
  const Bytes hash = Take(sizeof(uint64_t), "the embedded model");
  Xxh3 of_block;
  of_block.Update(block);
  of_block.Update(model_);
  if (ByteReader(hash, source_.name()).Get<uint64_t>() != of_block.Finish())
    throw DamagedError(source_.name() + " is damaged: the embedded model is not what was written");
}

Error ContainerReader::DamagedHere(const std::string& what) const {
  return DamagedError(fmt::format("{} is damaged at byte {}: {}", source_.name(), position_, what));
}

Bytes ContainerReader::Take(uint64_t count, const char* what) {
  return TakeBytes(source_, &position_, count, what, memory_bytes_);
}

Bytes ContainerReader::TakeRecord(uint8_t tag, uint64_t count, const char* what) {
  Bytes record = Take(count - 1, what);
  record.insert(record.begin(), tag);
  return record;
}

bool ContainerReader::Next(SegmentRecord* record) {
  if (is_short()) return NextOfShort(record);
  const uint8_t tag = Take(1, "what should be the next record")[0];
  if (tag == kSegmentTag) {
    ReadSegment(record);
    return true;
  }
  if (tag != kIndexTag) throw DamagedHere("no record begins here");
  ReadEnd();
  return false;
}

void ContainerReader::ReadSegment(SegmentRecord* record) {
  const Bytes bytes = TakeRecord(kSegmentTag, kSegmentHeaderBytes, "a segment header");
  const SegmentHeader header = ParseSegmentHeader(bytes, header_, source_.name());
  if (header.number != index_.size()) {
    throw DamagedHere(
        fmt::format("segment {} comes where segment {} should", header.number, index_.size()));
  }
  if (last_seen_) throw DamagedHere("a segment follows the last one");
  last_seen_ = header.original_bytes < header_.segment_bytes();
  chain_ = ChainHash(chain_, bytes);
  record->header = header;
  record->payload = Take(header.payload_bytes, "a segment's payload");
  CheckPayload(*record, source_.name());
  RequireMemory(2 * sizeof(IndexEntry) * (index_.size() + 1), memory_bytes_, source_.name());
  index_.push_back({header.payload_bytes, header.original_bytes});
  original_bytes_ += header.original_bytes;
}

void ContainerReader::ReadEnd() {
  const uint64_t index_bytes = kIndexFrameBytes + kIndexEntryBytes * index_.size();
  const Bytes index = TakeRecord(kIndexTag, index_bytes, "the index");
  if (index != Serialise(index_)) throw DamagedHere("the index does not match the segments");
  chain_ = ChainHash(chain_, index);
  const EndRecord end = ParseEndRecord(Take(kEndRecordBytes, "the end record"), source_.name());
  if (end.segments != index_.size() || end.original_bytes != original_bytes_ ||
      end.file_bytes != position_ || end.chain != chain_) {
    throw DamagedHere("the end record does not match the segments");
  }
}

}  // namespace occam
