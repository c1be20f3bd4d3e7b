// The header of a file, and the model and dictionary that code it: making the one from the others,
// and checking that they belong together.
#ifndef OCCAM_CODER_ARCHIVE_MODEL_HEADER_H_
#define OCCAM_CODER_ARCHIVE_MODEL_HEADER_H_

#include <cstdint>
#include <span>
#include <string>

#include "coder/archive/codec_options.h"
#include "coder/container/container_format.h"
#include "coder/predict/codec_model.h"

namespace occam {

// Returns the header of a file that this model codes; null: none. `lanes`, 0 for the default, are
// for modes adaptive and long, a dictionary is for mode adaptive. Throws kUsage for a model of
// other symbols than bytes without a tokenizer, and for lanes or a dictionary that the mode has
// not.
FileHeader HeaderFor(const CodecModel* model, ContextMode mode, uint32_t lanes = 0,
                     std::span<const uint8_t> dictionary = {});

// The most bytes of a file by which WorthwhileLanes choose.
constexpr size_t kMostJudgedBytes = size_t{1} << 21;
// Returns how many lanes a file of mode adaptive has by default that a model with such a context
// codes: a power of two. Fewer lanes make small files up to a hundredth smaller, as each begins
// without a context and learns beside the others; and they are restored by fewer threads.
uint32_t WorthwhileLanes(uint32_t context, uint64_t bytes);
// Returns the header of a file of so many bytes, with the lanes that options tell or that it is
// worth. More than kMostJudgedBytes are as these. Throws as above.
FileHeader HeaderFor(const CodecModel* model, const CodecOptions& options, uint64_t bytes);

// Throws kUsage where the model is null, and kDamaged where it is not the one that this header asks
// for or computes by another contract; `name` is the file's.
void CheckModelFits(const FileHeader& header, const CodecModel* model, const std::string& name);

// Returns the bytes of a dictionary that are used: its last ones.
std::span<const uint8_t> UsedOf(std::span<const uint8_t> dictionary);

// Returns what a file with this header uses of the given dictionary; nothing where it needs none.
// Throws kUsage where it needs one and none is given, kDamaged where another one is; `name` is the
// file's.
std::span<const uint8_t> DictionaryFor(const FileHeader& header,
                                       std::span<const uint8_t> dictionary,
                                       const std::string& name);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_MODEL_HEADER_H_
