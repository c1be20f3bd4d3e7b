// fmt::format and fmt::print as Occam's own code sees them, compiled once. The header-only {fmt}
// takes five seconds in every file that formats anything, and its shared library would be one more
// that the codec needs.
#ifndef OCCAM_DATA_BASE_FORMAT_H_
#define OCCAM_DATA_BASE_FORMAT_H_

#include <fmt/core.h>

#include <cstdio>
#include <string>

namespace occam::fmt {

std::string VFormat(::fmt::string_view text, ::fmt::format_args values);
void VPrint(std::FILE* file, ::fmt::string_view text, ::fmt::format_args values);

// The text with values in place of its {}, checked when compiled ({fmt}'s format syntax).
template <typename... Values>
std::string format(::fmt::format_string<Values...> text, Values&&... values) {
  return VFormat(text, ::fmt::make_format_args(values...));
}

// The same to a file, or to standard output, with control characters but newline and tab, and what
// is no UTF-8, as `\xHH` (data/base/printable.h). What cannot be written is lost, and no reason to
// stop: ferror(3) of the file tells it.
template <typename... Values>
void print(std::FILE* file, ::fmt::format_string<Values...> text, Values&&... values) {
  VPrint(file, text, ::fmt::make_format_args(values...));
}
template <typename... Values>
void print(::fmt::format_string<Values...> text, Values&&... values) {
  VPrint(stdout, text, ::fmt::make_format_args(values...));
}

}  // namespace occam::fmt

#endif  // OCCAM_DATA_BASE_FORMAT_H_
