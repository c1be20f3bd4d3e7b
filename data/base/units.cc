#include "data/base/units.h"

#include <charconv>
#include <cmath>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {

int64_t ParseCount(const std::string& text, const std::string& what) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, status] = std::from_chars(text.data(), end, value);
  std::string unit(rest, end);
  const bool binary = unit.find('i') != std::string::npos;
  if (!unit.empty() && (unit.back() == 'B' || unit.back() == 'b')) unit.pop_back();
  if (!unit.empty() && unit.back() == 'i') unit.pop_back();
  const double base = binary ? 1024.0 : 1000.0;
  double factor = 1;
  bool known = unit.empty();
  constexpr char kPowers[] = "KMGT";
  for (int i = 0; i < 4 && !known; ++i) {
    factor *= base;
    known = unit.size() == 1 && (unit[0] == kPowers[i] || unit[0] == kPowers[i] + ('a' - 'A'));
  }
  const double scaled = std::nearbyint(value * factor);
  if (status != std::errc() || !known || !(value >= 0) || scaled > 9e18) {
    throw UsageError(
        fmt::format("{}: '{}' is no count; write for example 200K, 3.2M or 62000000", what, text));
  }
  return static_cast<int64_t>(scaled);
}

ByteRange ParseByteRange(const std::string& text, int64_t size_bytes, const std::string& what) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) {
    throw UsageError(
        fmt::format("{}: '{}' is no range; write BEGIN:END, for example 0:62M", what, text));
  }
  ByteRange range{0, size_bytes};
  if (colon > 0) range.begin = ParseCount(text.substr(0, colon), what);
  if (colon + 1 < text.size()) range.end = ParseCount(text.substr(colon + 1), what);
  if (range.end > size_bytes || range.begin >= range.end) {
    throw UsageError(fmt::format("{}: '{}' is not within the {} bytes of the data, or is empty",
                                 what, text, size_bytes));
  }
  return range;
}

std::string FormatBytes(double bytes) {
  if (bytes < 1000) return fmt::format("{:.0f} B", bytes);
  constexpr const char* kUnits[] = {"KB", "MB", "GB", "TB", "PB"};
  int i = -1;
  while (i < 4 && bytes >= 999.5) {
    bytes /= 1000;
    ++i;
  }
  return fmt::format("{:.3g} {}", bytes, kUnits[i]);
}

std::string FormatDuration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

}  // namespace occam
