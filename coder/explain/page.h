// A page that shows where a model spends its bits: HTML that needs no other file and no network. It
// has a summary first, then the text in parts, each character in the colour of its cost.
#ifndef OCCAM_CODER_EXPLAIN_PAGE_H_
#define OCCAM_CODER_EXPLAIN_PAGE_H_

#include <cstdint>
#include <span>
#include <string>

#include "occam/occam.h"

namespace occam::explain {

// Data and what they cost. The spans are not owned.
struct Explanation {
  std::string name;    // of the data
  std::string method;  // that the costs are of: "wiki-800K, adaptive"
  std::span<const uint8_t> bytes;
  std::span<const float> bits;            // [bytes]
  std::span<const DecidedBy> decided_by;  // [bytes]; empty: one predictor decides all
  // Another model or codec to compare with.
  std::string beside;                  // its name; empty: none
  std::span<const float> beside_bits;  // [bytes], or empty
  // Number of stretches, where the other one's costs are known for stretches alone; else 0.
  size_t beside_stretches = 0;
};

// Returns the page. Throws kUsage where spans have other lengths than the bytes.
std::string Page(const Explanation& explanation);

}  // namespace occam::explain

#endif  // OCCAM_CODER_EXPLAIN_PAGE_H_
