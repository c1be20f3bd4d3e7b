// Text cut into pieces before pairs are counted or merged: a tokenizer joins no bytes across them.
#ifndef OCCAM_DATA_TOKENIZER_PIECES_H_
#define OCCAM_DATA_TOKENIZER_PIECES_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace occam {

// No piece is longer: one that would be is cut.
constexpr size_t kMaxPieceBytes = 1u << 16;

enum class PieceRule : uint8_t {
  kNone = 0,   // no boundary but every kMaxPieceBytes
  kWords = 1,  // words, numbers, spaces and signs apart
};

// The length of the piece at the start of `text`, which begins where the one before it ends; 0 for
// no text. kWords is the rule of GPT-2 (Radford et al., 2019, section 2.2), on bytes. Letters are
// those of ASCII and all bytes from 128 on, digits 0 to 9, spaces 9 to 13 and 32, signs the others.
// A piece is a run of letters, of digits or of signs, each with the one blank before it if there is
// one; or a run of spaces, but for a blank that goes with what follows. An apostrophe before a
// letter goes with the letters when it is the first of its piece ("don", "'t").
size_t PieceBytes(std::span<const uint8_t> text, PieceRule rule);

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_PIECES_H_
