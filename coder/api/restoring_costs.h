// Memory and work that restoring a file takes, where the library can know them.
#ifndef OCCAM_CODER_API_RESTORING_COSTS_H_
#define OCCAM_CODER_API_RESTORING_COSTS_H_

#include <optional>
#include <string>

#include "coder/archive/decompressor.h"

namespace occam {

// Returns nothing where the file's model is neither in it nor built in. Throws kDamaged, `name` in
// the message.
std::optional<RestoringCosts> KnownRestoringCosts(const FileInfo& file, const std::string& name);

// Returns the id of the model that a file needs, zeros where it needs none. Where the file tells
// the first kShortIdBytes alone, and the model is not built in, the others are zeros.
Sha256Digest KnownModelId(const FileInfo& file);

}  // namespace occam

#endif  // OCCAM_CODER_API_RESTORING_COSTS_H_
