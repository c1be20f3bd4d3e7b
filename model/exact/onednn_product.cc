#include "model/exact/onednn_product.h"

#include <oneapi/dnnl/dnnl.hpp>

#include "model/exact/kernels.h"
#include "model/simd_targets.h"

namespace occam {

using dnnl::memory;

struct OneDnnProduct::Impl {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::matmul::primitive_desc description;
  dnnl::matmul primitive;
  memory weights;
};

OneDnnProduct::OneDnnProduct(std::span<const int8_t> codes, int outputs, int inputs) {
  PrepareOneDnn();
  impl_ = std::make_unique<Impl>();
  using type = memory::data_type;
  const memory::desc x({kTileRows, inputs}, type::s8, {RoundUp(inputs, kCodePad), 1});
  const memory::desc any({inputs, outputs}, type::s8, memory::format_tag::any);
  const memory::desc sums({kTileRows, outputs}, type::s32, {RoundUp(outputs, kFloatPad), 1});
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  impl_->description = {dnnl::matmul::desc(x, any, sums), attributes, impl_->engine};
  impl_->primitive = dnnl::matmul(impl_->description);

  // Ours are [outputs, inputs], so [inputs, outputs] transposed.
  memory plain({{inputs, outputs}, type::s8, memory::format_tag::ba}, impl_->engine,
               const_cast<int8_t*>(codes.data()));
  impl_->weights = memory(impl_->description.weights_desc(), impl_->engine);
  dnnl::stream stream(impl_->engine);
  dnnl::reorder(plain, impl_->weights).execute(stream, plain, impl_->weights);
  stream.wait();
}

OneDnnProduct::~OneDnnProduct() = default;

size_t OneDnnProduct::scratch_bytes() const {
  return impl_->description.scratchpad_desc().get_size();
}

void OneDnnProduct::Multiply(const int8_t* x, int32_t* sums, std::byte* scratch) const {
  PrepareOneDnn();
  const auto& engine = impl_->engine;
  dnnl::stream stream(engine);
  impl_->primitive.execute(
      stream,
      {{DNNL_ARG_SRC, memory(impl_->description.src_desc(), engine, const_cast<int8_t*>(x))},
       {DNNL_ARG_WEIGHTS, impl_->weights},
       {DNNL_ARG_DST, memory(impl_->description.dst_desc(), engine, sums)},
       {DNNL_ARG_SCRATCHPAD, memory(impl_->description.scratchpad_desc(), engine, scratch)}});
  stream.wait();
}

}  // namespace occam
