// Classes of characters, by a table of our own that stays as it is.
#ifndef OCCAM_DATA_TOKENIZER_UNICODE_CLASSES_H_
#define OCCAM_DATA_TOKENIZER_UNICODE_CLASSES_H_

#include <cstdint>

namespace occam {

enum class CharacterClass : uint8_t { kOther = 0, kLetter = 1, kNumber = 2, kSpace = 3 };

// Letters and numbers are the general categories L and N of Unicode 14.0.0, spaces what has the
// property White_Space. All else is kOther, numbers beyond the last code point included.
CharacterClass ClassOf(uint32_t code_point);

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_UNICODE_CLASSES_H_
