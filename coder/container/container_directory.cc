#include "coder/container/container_directory.h"

#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

Error Damaged(const std::string& name, const std::string& what) {
  return DamagedError(fmt::format("{} is damaged: {}", name, what));
}

}  // namespace

std::optional<ContainerDirectory> ContainerDirectory::Read(ByteSource& source,
                                                           const FileHeader& header,
                                                           uint64_t segments_begin,
                                                           uint64_t memory_bytes) {
  const auto size = source.size_bytes();
  if (!size || !source.Seek(0)) return std::nullopt;
  const uint64_t least = segments_begin + kIndexFrameBytes + kEndRecordBytes;
  if (*size < least)
    throw DamagedError(fmt::format("{} is cut off: it ends at byte {}", source.name(), *size));
  ContainerDirectory directory;
  uint64_t position = *size - kEndRecordBytes;
  source.Seek(position);
  directory.end_ = ParseEndRecord(TakeBytes(source, &position, kEndRecordBytes, "the end record"),
                                  source.name());
  const EndRecord& end = directory.end_;
  const uint64_t index_bytes = kIndexFrameBytes + kIndexEntryBytes * uint64_t{end.segments};
  if (end.file_bytes != *size || index_bytes > *size - least + kIndexFrameBytes)
    throw Damaged(source.name(), "its length is not that of the end record");
  // The index, its entries, and where the segments are.
  RequireMemory(2 * index_bytes + end.segments * (sizeof(IndexEntry) + 2 * sizeof(uint64_t)),
                memory_bytes, source.name());
  position = *size - kEndRecordBytes - index_bytes;
  source.Seek(position);
  directory.index_ = TakeBytes(source, &position, index_bytes, "the index");
  ByteReader in(directory.index_, source.name());
  const auto tag = in.Get<uint8_t>();
  for (uint32_t i = 0; i < end.segments; ++i) {
    IndexEntry entry;
    entry.payload_bytes = in.Get<uint32_t>();
    entry.original_bytes = in.Get<uint32_t>();
    directory.entries_.push_back(entry);
  }
  if (tag != kIndexTag ||
      in.Get<uint64_t>() != Xxh3Of(std::span(directory.index_).first(index_bytes - 8)))
    throw Damaged(source.name(), "the index does not match its checksum");
  directory.Locate(header, segments_begin, source.name());
  return directory;
}

void ContainerDirectory::Locate(const FileHeader& header, uint64_t segments_begin,
                                const std::string& name) {
  uint64_t position = segments_begin;
  uint64_t original = 0;
  for (const IndexEntry& entry : entries_) {
    const bool last = positions_.size() + 1 == entries_.size();
    if (!IsPossible(entry, last, header)) throw Damaged(name, "the index has impossible sizes");
    positions_.push_back(position);
    position += kSegmentHeaderBytes + entry.payload_bytes;
    original += entry.original_bytes;
  }
  if (position + index_.size() + kEndRecordBytes != end_.file_bytes ||
      original != end_.original_bytes) {
    throw Damaged(name, "the index does not match the end record");
  }
}

// Leaves the source at the payload.
SegmentHeader ContainerDirectory::ReadHeader(ByteSource& source, const FileHeader& header,
                                             uint32_t number) const {
  uint64_t position = positions_[number];
  source.Seek(position);
  const Bytes bytes = TakeBytes(source, &position, kSegmentHeaderBytes, "a segment header");
  const SegmentHeader segment = ParseSegmentHeader(bytes, header, source.name());
  if (bytes[0] != kSegmentTag || segment.number != number ||
      IndexEntry{segment.payload_bytes, segment.original_bytes} != entries_[number]) {
    throw Damaged(source.name(), fmt::format("segment {} is not what the index says", number));
  }
  return segment;
}

void ContainerDirectory::CheckChain(ByteSource& source, const FileHeader& header) const {
  uint64_t chain = ChainHash(0, Serialise(header));
  for (uint32_t number = 0; number < segments(); ++number)
    chain = ChainHash(chain, Serialise(ReadHeader(source, header, number)));
  if (ChainHash(chain, index_) != end_.chain)
    throw Damaged(source.name(), "not all of its segments are its own");
}

SegmentRecord ContainerDirectory::ReadSegment(ByteSource& source, const FileHeader& header,
                                              uint32_t number) const {
  SegmentRecord record;
  record.header = ReadHeader(source, header, number);
  uint64_t position = positions_[number] + kSegmentHeaderBytes;
  record.payload = TakeBytes(source, &position, record.header.payload_bytes, "a segment's payload");
  CheckPayload(record, source.name());
  return record;
}

}  // namespace occam
