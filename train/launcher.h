// What the environment tells of how this process was started.
#ifndef OCCAM_TRAIN_LAUNCHER_H_
#define OCCAM_TRAIN_LAUNCHER_H_

namespace occam {

// How many processes were started together with this one, itself included, by the word of Open
// MPI's mpirun, of those of MPICH and Intel MPI, or of Slurm's srun; 1 where nothing says more.
int LaunchedProcesses();

// Whether a launcher that an MPI library can talk to has started this process, be it alone.
bool HasLauncher();

}  // namespace occam

#endif  // OCCAM_TRAIN_LAUNCHER_H_
