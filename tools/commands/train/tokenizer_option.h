// The option --tokenizer of train.
#ifndef OCCAM_TOOLS_COMMANDS_TRAIN_TOKENIZER_OPTION_H_
#define OCCAM_TOOLS_COMMANDS_TRAIN_TOKENIZER_OPTION_H_

#include <cstdint>
#include <cxxopts.hpp>
#include <memory>
#include <span>

#include "data/tokenizer/tokenizer.h"

namespace occam {

// The size of the vocabulary that "bytes", "ascii7", "ascii7-low", "bpe:N" or "bpe-plain:N" names.
// Throws kUsage.
int32_t VocabularyAsked(const cxxopts::ParseResult& args);
// Returns whether it is one of byte pairs. Throws kUsage.
bool PairsAsked(const cxxopts::ParseResult& args);

// The tokenizer, learned from the training part where it has to be. Throws kUsage, also where this
// has too few different pairs for the vocabulary.
std::unique_ptr<Tokenizer> LearnTokenizer(const cxxopts::ParseResult& args,
                                          std::span<const uint8_t> training_bytes);

}  // namespace occam

#endif  // OCCAM_TOOLS_COMMANDS_TRAIN_TOKENIZER_OPTION_H_
