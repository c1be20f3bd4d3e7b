// The one place where Highway and oneDNN learn what they may use: UsableIsa(), so that
// OCCAM_MAX_ISA holds for every kernel (DESIGN.md section 7).
#ifndef OCCAM_MODEL_SIMD_TARGETS_H_
#define OCCAM_MODEL_SIMD_TARGETS_H_

namespace occam {

// Limits Highway's dynamic dispatch to UsableIsa(). Call it before any HWY_DYNAMIC_DISPATCH, or use
// OCCAM_SIMD_DISPATCH, which does. The first call does the work; later ones cost a load. PLAIN
// leaves the compiler's baseline. Throws as UsableIsa() does. Thread-safe.
void LimitSimdTargets();

// HWY_DYNAMIC_DISPATCH(Function) behind LimitSimdTargets():
// OCCAM_SIMD_DISPATCH(Function)(arguments).
#define OCCAM_SIMD_DISPATCH(Function) (::occam::LimitSimdTargets(), HWY_DYNAMIC_DISPATCH(Function))

// Call it before any oneDNN function; cheap after the first call on a thread. Limits oneDNN to
// UsableIsa() if OCCAM_MAX_ISA is set (else oneDNN reads its own ONEDNN_MAX_CPU_ISA; its lowest is
// SSE41, also for PLAIN), and makes OpenMP, and with it oneDNN, use one thread whenever the calling
// thread calls it, from now on. Throws kInternal if oneDNN refuses. Thread-safe.
void PrepareOneDnn();

}  // namespace occam

#endif  // OCCAM_MODEL_SIMD_TARGETS_H_
