// In place of fast_kernels.cc in a build without Highway.
#include "model/exact/kernels.h"

namespace occam {

std::unique_ptr<KernelSet> MakeFastKernels() { return nullptr; }

}  // namespace occam
