#include "data/base/float_mode.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif !defined(__aarch64__)
#include <cfenv>
#endif

// Out of line on purpose: a compiler does not move arithmetic on memory across these calls.
namespace occam {

#if defined(__x86_64__)

namespace {
constexpr unsigned kMxcsrDefault = 0x1f80;  // all exceptions masked, nearest, no FTZ, no DAZ
}

FloatMode::FloatMode() : saved_(_mm_getcsr()) { _mm_setcsr(kMxcsrDefault); }
FloatMode::~FloatMode() { _mm_setcsr(static_cast<unsigned>(saved_)); }

#elif defined(__aarch64__)

FloatMode::FloatMode() {
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
  __asm__ volatile("msr fpcr, %0" : : "r"(uint64_t{0}));  // nearest, no flush to zero, no traps
}
FloatMode::~FloatMode() { __asm__ volatile("msr fpcr, %0" : : "r"(saved_)); }

#else

// Elsewhere the standard's rounding mode is all there is to set.
FloatMode::FloatMode() : saved_(static_cast<uint64_t>(std::fegetround())) {
  std::fesetround(FE_TONEAREST);
}
FloatMode::~FloatMode() { std::fesetround(static_cast<int>(saved_)); }

#endif

}  // namespace occam
