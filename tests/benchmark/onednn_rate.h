// The rate at which oneDNN multiplies, for comparison: nothing of Occam's own runs here.
#ifndef OCCAM_TESTS_BENCHMARK_ONEDNN_RATE_H_
#define OCCAM_TESTS_BENCHMARK_ONEDNN_RATE_H_

#include <cstdint>
#include <functional>

namespace occam {

// c [m, n] = a [m, k] b [k, n] in float32, or in int32 of bytes.
struct ProductShape {
  int64_t m, n, k;
};

enum class ProductType { kFloat, kBfloat16, kInt8 };  // of a and b

// One product on the calling thread, in whatever memory layout oneDNN likes best: operands ready,
// nothing converted or packed. Empty where oneDNN has no such product on this processor.
std::function<void()> OneDnnProduct(const ProductShape& shape, ProductType type);

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_ONEDNN_RATE_H_
