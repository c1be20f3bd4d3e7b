// The question whether work that takes long should end before it is done.
#ifndef OCCAM_DATA_BASE_STOP_H_
#define OCCAM_DATA_BASE_STOP_H_

#include <functional>

namespace occam {

// Returns whether to stop; once it has, always. Several threads may ask at the same time. What was
// stopped has no result. Where it is empty, nothing stops.
using StopFn = std::function<bool()>;

inline bool Stopped(const StopFn& stop) { return stop && stop(); }

}  // namespace occam

#endif  // OCCAM_DATA_BASE_STOP_H_
