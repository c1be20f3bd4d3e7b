#include "coder/predict/photo/block_transform.h"

namespace occam {

Block InverseTransform(const Block& coefficients) {
  std::array<int64_t, kBlockSize> half;  // columns done: [row][frequency across]
  for (size_t u = 0; u < kBlockSide; ++u) {
    for (size_t y = 0; y < kBlockSide; ++y) {
      int64_t sum = 1 << 10;
      for (size_t v = 0; v < kBlockSide; ++v)
        sum += int64_t{kCosines[y][v]} * coefficients[v * kBlockSide + u];
      half[y * kBlockSide + u] = sum >> 11;
    }
  }
  Block samples;
  for (size_t y = 0; y < kBlockSide; ++y) {
    for (size_t x = 0; x < kBlockSide; ++x) {
      int64_t sum = (int64_t{128} << 18) + (1 << 17);
      for (size_t u = 0; u < kBlockSide; ++u) sum += kCosines[x][u] * half[y * kBlockSide + u];
      samples[y * kBlockSide + x] = static_cast<int32_t>(sum >> 14);
    }
  }
  return samples;
}

Block ForwardTransform(const Block& samples) {
  std::array<int64_t, kBlockSize> half;  // [row][frequency across]
  for (size_t y = 0; y < kBlockSide; ++y) {
    for (size_t u = 0; u < kBlockSide; ++u) {
      int64_t sum = 0;
      for (size_t x = 0; x < kBlockSide; ++x)
        sum += int64_t{kCosines[x][u]} * samples[y * kBlockSide + x];
      half[y * kBlockSide + u] = sum;
    }
  }
  Block coefficients;
  for (size_t v = 0; v < kBlockSide; ++v) {
    for (size_t u = 0; u < kBlockSide; ++u) {
      int64_t sum = 1 << 24;
      for (size_t y = 0; y < kBlockSide; ++y) sum += kCosines[y][v] * half[y * kBlockSide + u];
      coefficients[v * kBlockSide + u] = static_cast<int32_t>(sum >> 25);
    }
  }
  return coefficients;
}

}  // namespace occam
