// A matrix product of oneDNN, chosen alike in its versions 2 (Debian 12) and 3 (Debian 13).
#ifndef OCCAM_MODEL_NETWORK_ONEDNN_MATMUL_H_
#define OCCAM_MODEL_NETWORK_ONEDNN_MATMUL_H_

#include <oneapi/dnnl/dnnl.hpp>

namespace occam {

// The answer for what oneDNN lacks: an empty choice or a dnnl::error.
enum class Missing { kEmpty, kError };

// Returns what oneDNN chose for c = a b of these shapes. Version 3 leaves out the descriptor of the
// operation that version 2 makes its choice from.
inline dnnl::matmul::primitive_desc ChooseMatMul(
    const dnnl::engine& engine, const dnnl::memory::desc& a, const dnnl::memory::desc& b,
    const dnnl::memory::desc& c, const dnnl::primitive_attr& attributes, Missing missing) {
  const bool allow_empty = missing == Missing::kEmpty;
#if DNNL_VERSION_MAJOR < 3
  return {dnnl::matmul::desc(a, b, c), attributes, engine, allow_empty};
#else
  return {engine, a, b, c, attributes, allow_empty};
#endif
}

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_ONEDNN_MATMUL_H_
