// The places of an .occ file's segments, from the index at its end: random access.
#ifndef OCCAM_CODER_CONTAINER_CONTAINER_DIRECTORY_H_
#define OCCAM_CODER_CONTAINER_CONTAINER_DIRECTORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coder/container/container_format.h"
#include "coder/container/container_reader.h"
#include "data/base/file.h"
#include "data/base/memory.h"

namespace occam {

class ContainerDirectory {
 public:
  // Reads end record and index; where the source is left is undefined. `segments_begin` is where
  // ContainerReader found that. Null where the source cannot seek. Throws kDamaged unless both
  // agree with each other, with the layout of `header`, and with the length of the source to the
  // byte; kIo; and kMemory where the index takes more than the limit.
  static std::optional<ContainerDirectory> Read(ByteSource& source, const FileHeader& header,
                                                uint64_t segments_begin, uint64_t memory_bytes);

  uint32_t segments() const { return static_cast<uint32_t>(entries_.size()); }
  uint64_t original_bytes() const { return end_.original_bytes; }
  uint64_t chain() const { return end_.chain; }  // over all headers and the index
  const Bytes& index() const { return index_; }  // the record
  const IndexEntry& entry(uint32_t number) const { return entries_[number]; }

  // Reads all segments' headers. Throws kDamaged unless they, the file's header and the index are
  // those of one archive, as its chain tells, and kIo.
  void CheckChain(ByteSource& source, const FileHeader& header) const;
  // Reads a segment and checks all but the decoding. Throws kDamaged where it is not the one that
  // the index names, and kIo.
  SegmentRecord ReadSegment(ByteSource& source, const FileHeader& header, uint32_t number) const;

 private:
  SegmentHeader ReadHeader(ByteSource& source, const FileHeader& header, uint32_t number) const;
  void Locate(const FileHeader& header, uint64_t segments_begin, const std::string& name);

  EndRecord end_;
  Bytes index_;
  std::vector<IndexEntry> entries_;
  std::vector<uint64_t> positions_;  // of the segments' headers in the file
};

}  // namespace occam

#endif  // OCCAM_CODER_CONTAINER_CONTAINER_DIRECTORY_H_
