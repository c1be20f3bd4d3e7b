// A look at the bytes of a segment before a predictor is tried on them. It is a part of what an
// encoder chooses: docs/spec/occ.md, section 8.
#ifndef OCCAM_CODER_ARCHIVE_CHEAP_LOOK_H_
#define OCCAM_CODER_ARCHIVE_CHEAP_LOOK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace occam {

// The evenness of the frequencies of bytes.
enum class Evenness {
  kUneven,  // text is: the squares of its shares sum to 16 / 256 in English, to 5 / 256 in Chinese
  kFlat,    // to at most 3 / 256: packed data, photographs
  kEven,    // to 1 / 256 like noise, so that not even a hundredth of them can be text
};

// Short segments count as uneven.
Evenness EvennessOf(std::span<const uint8_t> bytes);

// Returns whether a string of 32 bytes that begins at a multiple of 16 comes again later. No other
// string with its first 8 bytes may begin at such a place before.
bool HasLongRepetition(std::span<const uint8_t> bytes);

// Returns how many bytes stand in strings of 32 or more that came before, as HasLongRepetition
// finds them, at even places. Strings that repeat every 4 bytes, such as silence, do not count.
uint64_t RepeatedBytes(std::span<const uint8_t> bytes);

// Pieces of a segment's symbols that stand for all of it: [begin, begin + size) of each, which
// begin where contexts may.
struct SamplePieces {
  uint32_t size = 0;
  std::vector<uint32_t> begins;
};
// `lanes` is the most that may be coded beside each other.
SamplePieces SampleOf(uint32_t symbols, uint32_t context, uint32_t lanes);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_CHEAP_LOOK_H_
