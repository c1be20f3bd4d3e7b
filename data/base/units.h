// Numbers as people write them: "3M", "200K", "62MB", "1.5 h".
#ifndef OCCAM_DATA_BASE_UNITS_H_
#define OCCAM_DATA_BASE_UNITS_H_

#include <cstdint>
#include <string>

namespace occam {

// "200K", "3.2M", "1G", "62000000", "2MB", "64KiB": decimal powers unless "i" asks for binary ones.
// Not negative. Throws kUsage that names `what`.
int64_t ParseCount(const std::string& text, const std::string& what);

// A range of bytes "BEGIN:END", either side may be missing ("62M:", ":62M"); END past the size or
// BEGIN after END is kUsage. Counts as ParseCount reads them.
struct ByteRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};
ByteRange ParseByteRange(const std::string& text, int64_t size_bytes, const std::string& what);

std::string FormatBytes(double bytes);       // "1.95 MB"
std::string FormatDuration(double seconds);  // "2 h 05 min", "3 min 07 s", "12 s"

}  // namespace occam

#endif  // OCCAM_DATA_BASE_UNITS_H_
