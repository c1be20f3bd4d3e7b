// The text of a page, cut into parts that its script draws when they are looked at.
#ifndef OCCAM_CODER_EXPLAIN_PARTS_H_
#define OCCAM_CODER_EXPLAIN_PARTS_H_

#include <span>
#include <string>

#include "coder/explain/characters.h"
#include "coder/explain/page.h"

namespace occam::explain {

// The script of page.html makes bits of a cost's code again by this.
constexpr double kCostScale = 18.5;

struct Parts {
  std::string scripts;
  std::string begins;  // bytes, separated by commas
  std::string lines;   // of text on a wide screen, about
};

// Returns all parts. `text` tells whether characters are shown, not hexadecimal digits.
Parts PartsOf(const Explanation& e, std::span<const Character> characters, bool text);

// Returns a text as a string of JSON within a script.
std::string Quoted(const std::string& text);

}  // namespace occam::explain

#endif  // OCCAM_CODER_EXPLAIN_PARTS_H_
