#include "data/base/simd_targets.h"

#include <hwy/targets.h>

#include <cstdint>

#include "data/base/cpu.h"

namespace occam {
namespace {

// Every x86 target of Highway above `isa`, also those that later versions add: a better target has
// a lower bit.
int64_t DisabledTargets(Isa isa) {
  switch (isa) {
    case Isa::kPlain:
      return HWY_SSSE3 | (HWY_SSSE3 - 1);
    case Isa::kSse41:
      return HWY_SSE4 - 1;
    case Isa::kAvx2:
      return HWY_AVX2 - 1;
    case Isa::kAvx512:
      return HWY_AVX3 - 1;
    case Isa::kAvx512Vnni:
      return HWY_AVX3_DL - 1;
    case Isa::kAvx512Bf16:
    case Isa::kAmx:
      return 0;
  }
  return 0;
}

}  // namespace

void LimitSimdTargets() {
  [[maybe_unused]] static const bool done = [] {
    hwy::DisableTargets(DisabledTargets(UsableIsa()));
    return true;
  }();
}

}  // namespace occam
