// Costs of a codec that tells lengths alone: what each stretch of the data adds to the length is
// shared evenly among its bytes.
#ifndef OCCAM_CODER_EXPLAIN_STRETCHES_H_
#define OCCAM_CODER_EXPLAIN_STRETCHES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace occam::explain {

// Number of stretches of so many bytes: 32, or one a byte. Codecs take some 16 times as long as
// for the data alone, since each stretch takes the length of all before it, too.
size_t StretchesOf(size_t bytes);

// Returns bits [bytes]. `length_of` gives the coded bytes of data that begin as these do. A length
// that is less than the one before counts as equal to it.
std::vector<float> SpreadLengths(std::span<const uint8_t> bytes,
                                 const std::function<size_t(std::span<const uint8_t>)>& length_of);

}  // namespace occam::explain

#endif  // OCCAM_CODER_EXPLAIN_STRETCHES_H_
