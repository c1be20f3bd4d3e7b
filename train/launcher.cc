#include "train/launcher.h"

#include <algorithm>
#include <cstdlib>

namespace occam {

int LaunchedProcesses() {
  int count = 1;
  // Open MPI's mpirun; MPICH's and Intel's, and srun --mpi=pmi2; any srun.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    if (const char* text = std::getenv(name)) count = std::max(count, std::atoi(text));
  }
  return count;
}

bool HasLauncher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

}  // namespace occam
