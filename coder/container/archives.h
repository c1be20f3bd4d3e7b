// The archives of a file: one, or several that stand one after the other, as cat(1) puts them.
// Zeros may follow each of them (docs/spec/occ.md, section 5.1).
#ifndef OCCAM_CODER_CONTAINER_ARCHIVES_H_
#define OCCAM_CODER_CONTAINER_ARCHIVES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/base/file.h"

namespace occam {

// Returns the name for messages of the archive `number`, from 0: "NAME", "NAME (archive 2)", ...
std::string ArchiveName(const std::string& name, uint64_t number);

// Returns whether bytes begin as an archive does.
bool BeginsArchive(std::span<const uint8_t> bytes);

// A source whose archives are read in order. It does not own the source, and cannot seek.
class ArchiveSequence final : public ByteSource {
 public:
  // `before` are bytes of the source that were read already, from archive `number` on.
  explicit ArchiveSequence(ByteSource& source, Bytes before = {}, uint64_t number = 0);

  size_t Read(std::span<uint8_t> out) override;
  std::string name() const override { return ArchiveName(source_.name(), number_); }

  // Passes over the zeros after an archive's end. Returns whether another archive begins, which
  // Read then reads. Throws kDamaged where anything else follows, and kIo.
  bool Next();
  uint64_t file_bytes() const { return file_bytes_; }  // taken so far, of all archives and zeros
  // Gives away what was read of the source and not taken.
  Bytes TakeRest();

 private:
  bool LookOn(size_t count);

  ByteSource& source_;
  Bytes looked_at_;  // what Read gives first, from taken_ on
  size_t taken_ = 0;
  uint64_t number_;  // of the archive that is read
  uint64_t file_bytes_ = 0;
};

// The place of an archive in a file.
struct ArchiveExtent {
  uint64_t begin = 0;
  uint64_t file_bytes = 0;
  uint64_t original_bytes = 0;
};

// Finds all archives by their end records, from the last to the first. Returns them in the order of
// the file; null where the source cannot seek. Where it is left is undefined. Throws kDamaged where
// an end record is not sound or no archive begins the file, and kIo. Throws kMemory where the limit
// has no room for so many archives.
std::optional<std::vector<ArchiveExtent>> FindArchives(ByteSource& source, uint64_t memory_bytes);

// One archive of a source that can seek, as a source of its own. It does not own the source, which
// nobody else may read meanwhile.
class ArchiveSource final : public ByteSource {
 public:
  ArchiveSource(ByteSource& source, const ArchiveExtent& extent, std::string name);
  size_t Read(std::span<uint8_t> out) override;
  std::optional<uint64_t> size_bytes() const override { return extent_.file_bytes; }
  bool Seek(uint64_t position) override;
  std::string name() const override { return name_; }

 private:
  ByteSource& source_;
  ArchiveExtent extent_;
  std::string name_;
  uint64_t position_ = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_CONTAINER_ARCHIVES_H_
