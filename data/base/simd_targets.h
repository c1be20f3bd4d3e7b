// The one place where Highway learns what it may use: UsableIsa(), so that OCCAM_MAX_ISA holds for
// every vector kernel (docs/architecture.md, "Speed").
#ifndef OCCAM_DATA_BASE_SIMD_TARGETS_H_
#define OCCAM_DATA_BASE_SIMD_TARGETS_H_

namespace occam {

// Limits Highway's dynamic dispatch to UsableIsa(). Call it before any HWY_DYNAMIC_DISPATCH, or use
// OCCAM_SIMD_DISPATCH, which does. The first call does the work; later ones cost a load. PLAIN
// leaves the compiler's baseline. Throws as UsableIsa() does. Thread-safe.
void LimitSimdTargets();

// HWY_DYNAMIC_DISPATCH(Function) behind LimitSimdTargets():
// OCCAM_SIMD_DISPATCH(Function)(arguments).
#define OCCAM_SIMD_DISPATCH(Function) (::occam::LimitSimdTargets(), HWY_DYNAMIC_DISPATCH(Function))

}  // namespace occam

#endif  // OCCAM_DATA_BASE_SIMD_TARGETS_H_
