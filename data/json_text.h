// JSON as text, whatever bytes its strings are made of: a file's name need not be UTF-8.
#ifndef OCCAM_DATA_JSON_TEXT_H_
#define OCCAM_DATA_JSON_TEXT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace occam {

// Returns the text: in one line where `indent` is -1, else with `indent` more spaces a level. In a
// string that is not UTF-8 each byte from 0x80 on becomes `\xHH`, as shells and C write it.
std::string JsonText(nlohmann::ordered_json json, int indent = -1);

}  // namespace occam

#endif  // OCCAM_DATA_JSON_TEXT_H_
