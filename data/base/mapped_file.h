// A file in memory without a copy of it. The system reads its pages when they are needed, shares
// them among processes, and may drop them.
#ifndef OCCAM_DATA_BASE_MAPPED_FILE_H_
#define OCCAM_DATA_BASE_MAPPED_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace occam {

// Owns the mapping. The file must not change while it is mapped: a process that touches pages which
// were cut off gets a signal. Occam itself replaces files and never changes them.
class MappedFile {
 public:
  // Maps nothing: bytes() is empty.
  MappedFile() = default;
  // Maps the whole of a regular file that is not empty, to be read alone. What cannot be mapped
  // gives an empty one: a pipe, a device, a missing file, a system without room.
  static MappedFile Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();

  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  std::span<const uint8_t> bytes_;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_MAPPED_FILE_H_
