#include "model/matmul.h"

#include <fmt/format.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "data/base/cpu.h"
#include "data/base/error.h"
#include "model/bfloat16.h"
#include "model/simd_targets.h"

namespace occam {
namespace {

using dnnl::memory;

// Checks that a [M, K] and b [K, N], each perhaps stored transposed, make c [M, N]. Returns K.
template <typename Matrix>
int64_t CheckedInner(const Matrix& a, bool at, const Matrix& b, bool bt, TensorView c) {
  const int64_t inner = at ? a.rows : a.columns;
  if ((at ? a.columns : a.rows) != c.rows || (bt ? b.rows : b.columns) != c.columns ||
      (bt ? b.columns : b.rows) != inner) {
    throw InternalError(fmt::format("matrix product of [{}, {}] and [{}, {}] into [{}, {}]", a.rows,
                                    a.columns, b.rows, b.columns, c.rows, c.columns));
  }
  return inner;
}

struct ProductKey {
  int64_t rows, columns, inner, stride;
  bool a_transposed, b_transposed, add;
  bool operator==(const ProductKey&) const = default;
};

// c = or += a b for bfloat16 a and b and float32 c, of one shape.
class Bfloat16Product {
 public:
  Bfloat16Product(const ProductKey& key, const dnnl::engine& engine) : key_(key) {
    const auto in = memory::data_type::bf16;
    const auto plain = memory::format_tag::ab, transposed = memory::format_tag::ba;
    const memory::desc a({key.rows, key.inner}, in, key.a_transposed ? transposed : plain);
    const memory::desc b({key.inner, key.columns}, in, key.b_transposed ? transposed : plain);
    const memory::desc c({key.rows, key.columns}, memory::data_type::f32,
                         memory::dims{key.stride, 1});
    dnnl::primitive_attr attributes;
    if (key.add) {
      dnnl::post_ops sum;
      sum.append_sum(1.0f);
      attributes.set_post_ops(sum);
    }
    product_ = dnnl::matmul({dnnl::matmul::desc(a, b, c), attributes, engine});
    arguments_ = {{DNNL_ARG_SRC, memory(a, engine, nullptr)},
                  {DNNL_ARG_WEIGHTS, memory(b, engine, nullptr)},
                  {DNNL_ARG_DST, memory(c, engine, nullptr)}};
  }

  const ProductKey& key() const { return key_; }

  void Run(const Bfloat16Matrix& a, const Bfloat16Matrix& b, float* c, dnnl::stream* stream) {
    arguments_.at(DNNL_ARG_SRC).set_data_handle(const_cast<uint16_t*>(a.values.data()));
    arguments_.at(DNNL_ARG_WEIGHTS).set_data_handle(const_cast<uint16_t*>(b.values.data()));
    arguments_.at(DNNL_ARG_DST).set_data_handle(c);
    product_.execute(*stream, arguments_);
    stream->wait();
  }

 private:
  ProductKey key_;
  dnnl::matmul product_;
  std::unordered_map<int, memory> arguments_;
};

}  // namespace

void MatMul(ConstTensorView a, Operand a_is, ConstTensorView b, Operand b_is, TensorView c,
            Result result) {
  const bool at = a_is == Operand::kTransposed;
  const bool bt = b_is == Operand::kTransposed;
  const int64_t inner = CheckedInner(a, at, b, bt, c);
  PrepareOneDnn();
  const dnnl_status_t status =
      dnnl_sgemm(at ? 'T' : 'N', bt ? 'T' : 'N', c.rows, c.columns, inner, 1.0f, a.data, a.stride,
                 b.data, b.stride, result == Result::kAdd ? 1.0f : 0.0f, c.data, c.stride);
  if (status != dnnl_success) {
    throw InternalError(fmt::format("oneDNN's matrix product failed with status {}", int{status}));
  }
}

bool HasFastBfloat16() { return UsableIsa() >= Isa::kAvx512Bf16; }

struct LinearLayers::Rounded {
  void Multiply(const Bfloat16Matrix& a, Operand a_is, const Bfloat16Matrix& b, Operand b_is,
                TensorView c, Result result) {
    const bool at = a_is == Operand::kTransposed;
    const bool bt = b_is == Operand::kTransposed;
    const int64_t inner = CheckedInner(a, at, b, bt, c);
    const ProductKey key{c.rows, c.columns, inner, c.stride, at, bt, result == Result::kAdd};
    PrepareOneDnn();
    try {
      Find(key).Run(a, b, c.data, &stream);
    } catch (const dnnl::error& error) {
      throw InternalError(fmt::format("oneDNN's bfloat16 product failed: {}", error.what()));
    }
  }
  Bfloat16Product& Find(const ProductKey& key) {
    for (Bfloat16Product& product : products) {
      if (product.key() == key) return product;
    }
    return products.emplace_back(key, engine);
  }

  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::vector<Bfloat16Product> products;  // a network has about a dozen
  Bfloat16Matrix x, w, dy;
};

LinearLayers::LinearLayers(Precision precision) {
  if (precision == Precision::kFloat32) return;
  if (!HasFastBfloat16()) {
    throw UsageError(
        "this processor has no fast bfloat16 products, which this run asks for; start it with "
        "--precision f32");
  }
  PrepareOneDnn();
  rounded_ = std::make_unique<Rounded>();
}

LinearLayers::~LinearLayers() = default;

void LinearLayers::Forward(ConstTensorView x, ConstTensorView w, TensorView y, Result result) {
  if (!rounded_) return MatMul(x, Operand::kAsIs, w, Operand::kTransposed, y, result);
  RoundToBfloat16(x, &rounded_->x);
  RoundToBfloat16(w, &rounded_->w);
  rounded_->Multiply(rounded_->x, Operand::kAsIs, rounded_->w, Operand::kTransposed, y, result);
}

void LinearLayers::Backward(ConstTensorView x, ConstTensorView w, ConstTensorView dy, TensorView dx,
                            Result dx_result, TensorView dw) {
  if (!rounded_) {
    MatMul(dy, Operand::kAsIs, w, Operand::kAsIs, dx, dx_result);
    MatMul(dy, Operand::kTransposed, x, Operand::kAsIs, dw, Result::kAdd);
    return;
  }
  RoundToBfloat16(x, &rounded_->x);
  RoundToBfloat16(w, &rounded_->w);
  RoundToBfloat16(dy, &rounded_->dy);
  rounded_->Multiply(rounded_->dy, Operand::kAsIs, rounded_->w, Operand::kAsIs, dx, dx_result);
  rounded_->Multiply(rounded_->dy, Operand::kTransposed, rounded_->x, Operand::kAsIs, dw,
                     Result::kAdd);
}

}  // namespace occam
