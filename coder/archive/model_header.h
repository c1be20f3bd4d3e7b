// A model and the header of a file that it codes: making the one from the other, and checking that
// both belong together.
#ifndef OCCAM_CODER_ARCHIVE_MODEL_HEADER_H_
#define OCCAM_CODER_ARCHIVE_MODEL_HEADER_H_

#include <string>

#include "coder/container/container_format.h"
#include "coder/predict/codec_model.h"

namespace occam {

// Returns the header of a file that this model codes; null: none. `lanes`, 0 for the default, are
// for mode long alone. Throws kUsage for a model that codes other symbols than bytes and brings no
// tokenizer, and for lanes that the mode has not.
FileHeader HeaderFor(const CodecModel* model, ContextMode mode, uint32_t lanes = 0);

// Throws kUsage where the model is null, and kDamaged where it is not the one that this header asks
// for or computes by another contract; `name` is the file's.
void CheckModelFits(const FileHeader& header, const CodecModel* model, const std::string& name);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_MODEL_HEADER_H_
