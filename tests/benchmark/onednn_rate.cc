#include "onednn_rate.h"

#include <algorithm>

#include "model/network/onednn.h"
#include "model/network/onednn_matmul.h"

namespace occam {
namespace {

// Memory of its own, zeros.
dnnl::memory Zeros(const dnnl::memory::desc& desc, const dnnl::engine& engine) {
  dnnl::memory memory(desc, engine);
  auto* bytes = static_cast<unsigned char*>(memory.get_data_handle());
  std::fill_n(bytes, desc.get_size(), static_cast<unsigned char>(0));
  return memory;
}

}  // namespace

std::function<void()> OneDnnProduct(const ProductShape& shape, ProductType type) {
  using dnnl::memory;
  PrepareOneDnn();
  const auto in = type == ProductType::kFloat      ? memory::data_type::f32
                  : type == ProductType::kBfloat16 ? memory::data_type::bf16
                                                   : memory::data_type::s8;
  const auto out = type == ProductType::kInt8 ? memory::data_type::s32 : memory::data_type::f32;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto any = memory::format_tag::any;
  const dnnl::matmul::primitive_desc chosen = ChooseMatMul(
      engine, memory::desc({shape.m, shape.k}, in, any), memory::desc({shape.k, shape.n}, in, any),
      memory::desc({shape.m, shape.n}, out, memory::format_tag::ab), {}, Missing::kEmpty);
  if (!chosen) return {};
  const dnnl::matmul product(chosen);
  dnnl::stream stream(engine);
  const memory a = Zeros(chosen.src_desc(), engine), b = Zeros(chosen.weights_desc(), engine),
               c = Zeros(chosen.dst_desc(), engine);
  return [=]() mutable {
    product.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}});
    stream.wait();
  };
}

}  // namespace occam
