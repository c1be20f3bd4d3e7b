// In place of mpi_communicator.cc where the build has no MPI.
#include <string>

#include "data/base/error.h"
#include "train/communicator.h"
#include "train/launcher.h"

namespace occam {

std::unique_ptr<Communicator> JoinRanks() {
  if (const int count = LaunchedProcesses(); count > 1) {
    throw UsageError("started " + std::to_string(count) +
                     " times together, but this program was built without MPI and would train as "
                     "often; start it once, or build it with -DOCCAM_MPI=ON (docs/scaling.md)");
  }
  return SingleProcess();
}

}  // namespace occam
