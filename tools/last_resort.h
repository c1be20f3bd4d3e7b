// Running out of memory where no exception can pass.
#ifndef OCCAM_TOOLS_LAST_RESORT_H_
#define OCCAM_TOOLS_LAST_RESORT_H_

namespace occam {

// Called first in main. From then on a process that runs out of memory where no exception can pass
// says so. It ends with the exit code of such a failure, and no temporary file stays. Such places
// are destructors and functions of other libraries that allocate all the same. Without this call
// the process would abort there.
void PrepareLastResort();

}  // namespace occam

#endif  // OCCAM_TOOLS_LAST_RESORT_H_
