// In place of fast_kernels.cc and fast_llama_kernels.cc in a build without Highway.
#include "model/exact/kernels.h"
#include "model/exact/llama_kernels.h"

namespace occam {

std::unique_ptr<KernelSet> MakeFastKernels() { return nullptr; }
std::unique_ptr<LlamaKernels> MakeFastLlamaKernels() { return nullptr; }

}  // namespace occam
