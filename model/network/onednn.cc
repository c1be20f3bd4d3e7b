#include "model/network/onednn.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>

#include <cstdlib>

#include "data/base/cpu.h"
#include "data/base/error.h"

namespace occam {
namespace {

dnnl_cpu_isa_t OneDnnIsa(Isa isa) {
  switch (isa) {
    case Isa::kPlain:
    case Isa::kSse41:
      return dnnl_cpu_isa_sse41;
    case Isa::kAvx2:
      return dnnl_cpu_isa_avx2;
    case Isa::kAvx512:
      return dnnl_cpu_isa_avx512_core;
    case Isa::kAvx512Vnni:
      return dnnl_cpu_isa_avx512_core_vnni;
    case Isa::kAvx512Bf16:
      return dnnl_cpu_isa_avx512_core_bf16;
    case Isa::kAmx:
      return dnnl_cpu_isa_avx512_core_amx;
  }
  return dnnl_cpu_isa_sse41;
}

bool LimitOneDnn() {
  const char* limit = std::getenv("OCCAM_MAX_ISA");
  if (limit == nullptr || *limit == '\0') return true;
  if (dnnl_set_max_cpu_isa(OneDnnIsa(UsableIsa())) != dnnl_success) {
    throw InternalError("oneDNN was used before its instruction set was limited");
  }
  return true;
}

// The OpenMP runtime is the one that oneDNN brought into the process, whichever compiler builds us,
// so it is asked for by name instead of being linked.
void UseOneOpenMpThread() {
  if (dnnl_version()->cpu_runtime != DNNL_RUNTIME_OMP) return;
  void* const symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  if (symbol == nullptr) throw InternalError("oneDNN's OpenMP runtime is not in the process");
  reinterpret_cast<void (*)(int)>(symbol)(1);
}

}  // namespace

void PrepareOneDnn() {
  [[maybe_unused]] static const bool limited = LimitOneDnn();
  [[maybe_unused]] thread_local const bool single_threaded = [] {
    UseOneOpenMpThread();
    return true;
  }();
}

}  // namespace occam
