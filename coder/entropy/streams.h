// Several streams of a range coder in one payload.
#ifndef OCCAM_CODER_ENTROPY_STREAMS_H_
#define OCCAM_CODER_ENTROPY_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/base/file.h"

namespace occam {

// Returns the lengths of all streams but the last, and then the streams. A length has 7 bits a
// byte, the lowest first; all bytes but its last have the highest bit. One stream is the payload.
Bytes JoinStreams(std::span<const Bytes> streams);

// Returns the `count` streams of a payload, or nothing where they are not there, or a length has
// more bytes than it needs.
std::optional<std::vector<std::span<const uint8_t>>> CutStreams(std::span<const uint8_t> payload,
                                                                size_t count);

}  // namespace occam

#endif  // OCCAM_CODER_ENTROPY_STREAMS_H_
