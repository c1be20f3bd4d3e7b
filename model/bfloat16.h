// Rounding to bfloat16: the upper 16 bits of a float32, 8 significant bits.
#ifndef OCCAM_MODEL_BFLOAT16_H_
#define OCCAM_MODEL_BFLOAT16_H_

#include <cstdint>
#include <vector>

#include "model/tensor.h"

namespace occam {

// A matrix of bfloat16 without gaps; its memory is kept from one to the next.
struct Bfloat16Matrix {
  std::vector<uint16_t> values;
  int64_t rows = 0;
  int64_t columns = 0;
};

// to = x, each element rounded to the nearest, ties to even; what is not a number stays so.
void RoundToBfloat16(ConstTensorView x, Bfloat16Matrix* to);

}  // namespace occam

#endif  // OCCAM_MODEL_BFLOAT16_H_
