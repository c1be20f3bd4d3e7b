// The one place where oneDNN learns what it may use: UsableIsa(), so that OCCAM_MAX_ISA holds for
// its products, too (docs/architecture.md, "Speed").
#ifndef OCCAM_MODEL_NETWORK_ONEDNN_H_
#define OCCAM_MODEL_NETWORK_ONEDNN_H_

namespace occam {

// Call it before any oneDNN function; cheap after the first call on a thread. Limits oneDNN to
// UsableIsa() if OCCAM_MAX_ISA is set (else oneDNN reads its own ONEDNN_MAX_CPU_ISA; its lowest is
// SSE41, also for PLAIN). From now on OpenMP, and with it oneDNN, uses one thread whenever the
// calling thread calls it. Throws kInternal if oneDNN refuses. Thread-safe.
void PrepareOneDnn();

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_ONEDNN_H_
