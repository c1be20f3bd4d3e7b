// The floating-point mode of the numeric contract (docs/spec/contract.md, section 2): round to
// nearest even, subnormal numbers kept, no traps. Every entry point of the exact network holds one
// of these. So what a program or a library set before it, or in its thread, changes no result.
#ifndef OCCAM_DATA_BASE_FLOAT_MODE_H_
#define OCCAM_DATA_BASE_FLOAT_MODE_H_

#include <cstdint>

// tools/cmake/OccamLibrary.cmake undoes these flags; other builds must not set them.
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    defined(__NO_SIGNED_ZEROS__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "The numeric contract needs IEEE arithmetic: no -ffast-math, -Ofast or parts of them"
#endif

namespace occam {

// Sets the mode of this thread, and restores the caller's when it goes. Scoped, never moved.
class FloatMode {
 public:
  FloatMode();
  ~FloatMode();
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
  uint64_t saved_;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_FLOAT_MODE_H_
