// The short form of an archive, format version 2: one segment or none, in one record
// (docs/spec/occ.md, section 10). What the layout's rule or the model tells stands nowhere else.
#ifndef OCCAM_CODER_CONTAINER_SHORT_ARCHIVE_H_
#define OCCAM_CODER_CONTAINER_SHORT_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "coder/container/container_format.h"
#include "coder/container/container_reader.h"
#include "data/base/file.h"

namespace occam {

// Magic and version, by which the forms are told apart.
constexpr size_t kFormBytes = kContainerMagic.size() + 1;
bool BeginsShortArchive(std::span<const uint8_t> bytes);

// Returns whether an archive with this header can have the short form: its layout is the usual one.
bool HasShortForm(const FileHeader& header);

// Writes an archive of this segment, null: of none, and returns its bytes. Throws kIo.
uint64_t WriteShortArchive(const FileHeader& header, std::span<const uint8_t> model,
                           const SegmentHeader* segment, std::span<const uint8_t> payload,
                           ByteSink& sink);

// All of an archive but its payload.
struct ShortHead {
  FileHeader header;
  Bytes model;                           // embedded; empty: none
  std::optional<SegmentHeader> segment;  // without its hashes
  Bytes bytes;                           // as they stand in the file, before the payload
};

// Reads it from a source that stands behind `begin`, the first kFormBytes. Throws kDamaged, kMemory
// and kIo as ContainerReader.
ShortHead ReadShortHead(ByteSource& source, Bytes begin, uint64_t memory_bytes);

struct ShortArchive {
  ShortHead head;
  std::optional<SegmentRecord> segment;  // hashes included
  uint64_t file_bytes = 0;
  bool sound = false;  // the check is that of all bytes
};

// The same for a whole archive. Throws kDamaged where its lengths do not agree with each other. One
// whose check does not match is returned as not sound: nothing in it but its length can be
// believed.
ShortArchive ReadShortArchive(ByteSource& source, Bytes begin, uint64_t memory_bytes);

// The begin of a short archive that ends at `end` and whose lengths agree; nothing where there is
// none. For sources that can seek. Throws kIo, and kMemory for a model longer than the limit.
struct ShortExtent {
  uint64_t begin = 0;
  uint64_t original_bytes = 0;
};
std::optional<ShortExtent> FindShortArchiveBefore(ByteSource& source, uint64_t end,
                                                  uint64_t memory_bytes);

}  // namespace occam

#endif  // OCCAM_CODER_CONTAINER_SHORT_ARCHIVE_H_
