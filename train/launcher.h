// Facts from the environment about how this process was started.
#ifndef OCCAM_TRAIN_LAUNCHER_H_
#define OCCAM_TRAIN_LAUNCHER_H_

namespace occam {

// Returns how many processes were started together, this one included; 1 where nothing says more.
// The mpirun of Open MPI, MPICH and Intel MPI say it, and Slurm's srun.
int LaunchedProcesses();

// Returns whether a launcher that an MPI library can talk to has started this process, be it alone.
bool HasLauncher();

}  // namespace occam

#endif  // OCCAM_TRAIN_LAUNCHER_H_
