// A program that only restores has no vector forms.
#include "coder/predict/expert/mixer_kernels.h"

namespace occam {

const MixerKernels& FastMixerKernels() { return PlainMixerKernels(); }

}  // namespace occam
