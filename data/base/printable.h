// Any bytes as text that a terminal can be given and a log be read by: nothing in them is obeyed.
#ifndef OCCAM_DATA_BASE_PRINTABLE_H_
#define OCCAM_DATA_BASE_PRINTABLE_H_

#include <string>
#include <string_view>

namespace occam {

// Returns the text with each byte as `\xHH` that belongs to a control character (Unicode's C0, C1
// and DEL) or to no well-formed UTF-8 (Unicode 15, table 3-7). The characters `kept`, of C0, stay.
std::string Printable(std::string_view text, std::string_view kept = "");

}  // namespace occam

#endif  // OCCAM_DATA_BASE_PRINTABLE_H_
