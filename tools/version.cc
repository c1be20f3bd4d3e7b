#include "version.h"

#include <string>

#include "coder/container/container_format.h"
#include "data/base/format.h"
#include "model/quantized_model.h"
#include "tools/command.h"

namespace occam {

std::string VersionText() {
  const std::string commit = OCCAM_COMMIT;
  return fmt::format("occam {} (numeric contract {}, file format {}, {})", OCCAM_VERSION,
                     kContractVersion, kContainerVersion,
                     commit.empty() ? "built without git: commit unknown" : "commit " + commit);
}

}  // namespace occam
