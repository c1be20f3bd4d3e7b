#include "data/base/simd_targets.h"

#include <hwy/targets.h>

#include <cstdint>

#include "data/base/cpu.h"

namespace occam {
namespace {

// Every x86 target of Highway above `isa`.
int64_t DisabledTargets(Isa isa) {
  int64_t disabled = 0;
  if (isa < Isa::kAvx512Vnni) disabled |= HWY_AVX3_DL;
  if (isa < Isa::kAvx512) disabled |= HWY_AVX3;
  if (isa < Isa::kAvx2) disabled |= HWY_AVX2;
  if (isa < Isa::kSse41) disabled |= HWY_SSE4 | HWY_SSSE3;
  return disabled;
}

}  // namespace

void LimitSimdTargets() {
  [[maybe_unused]] static const bool done = [] {
    hwy::DisableTargets(DisabledTargets(UsableIsa()));
    return true;
  }();
}

}  // namespace occam
