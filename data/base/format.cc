#define FMT_HEADER_ONLY  // here, and nowhere else
#include "data/base/format.h"

#include <fmt/format.h>

#include "data/base/printable.h"

namespace occam::fmt {

std::string VFormat(::fmt::string_view text, ::fmt::format_args values) {
  return ::fmt::vformat(text, values);
}

void VPrint(std::FILE* file, ::fmt::string_view text, ::fmt::format_args values) {
  // Names and texts of files are printed, too.
  const std::string line = Printable(::fmt::vformat(text, values), "\n\t");
  [[maybe_unused]] const size_t written = std::fwrite(line.data(), 1, line.size(), file);
}

}  // namespace occam::fmt
