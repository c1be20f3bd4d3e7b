#define FMT_HEADER_ONLY  // here, and nowhere else
#include "data/base/format.h"

#include <fmt/format.h>

namespace occam::fmt {

std::string VFormat(::fmt::string_view text, ::fmt::format_args values) {
  return ::fmt::vformat(text, values);
}

void VPrint(std::FILE* file, ::fmt::string_view text, ::fmt::format_args values) {
  ::fmt::vprint(file, text, values);
}

}  // namespace occam::fmt
