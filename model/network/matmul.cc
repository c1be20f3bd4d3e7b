#include "model/network/matmul.h"

#include <array>
#include <atomic>
#include <mutex>
#include <new>
#include <vector>

#include "data/base/cpu.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "model/network/onednn.h"
#include "model/network/onednn_matmul.h"

namespace occam {
namespace {

using dnnl::memory;

// Checks that [rows, inner] and [inner_too, columns] make c [rows, columns].
void CheckProduct(int64_t rows, int64_t inner, int64_t inner_too, int64_t columns, TensorView c) {
  if (rows == c.rows && columns == c.columns && inner == inner_too) return;
  throw InternalError(fmt::format("matrix product of [{}, {}] and [{}, {}] into [{}, {}]", rows,
                                  inner, inner_too, columns, c.rows, c.columns));
}

void CheckBfloat16() {
  if (HasFastBfloat16()) return;
  throw UsageError(
      "this processor has no fast bfloat16 products, which this run asks for; start it with "
      "products in float32");
}

const dnnl::engine& Engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// What dnnl::primitive::execute does, without its allocations.
template <size_t kCount>
void Execute(const dnnl::primitive& primitive, const dnnl::stream& stream,
             const std::array<dnnl_exec_arg_t, kCount>& arguments) {
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive.get(), stream.get(), kCount, arguments.data()),
      "a primitive failed");
  dnnl::error::wrap_c_api(dnnl_stream_wait(stream.get()), "a primitive did not end");
}

// Rows by rows, or stored transposed.
memory::desc Bfloat16Desc(int64_t rows, int64_t columns, int64_t stride, bool transposed) {
  return {{rows, columns},
          memory::data_type::bf16,
          transposed ? memory::dims{1, stride} : memory::dims{stride, 1}};
}

// How oneDNN wants the second operand [inner, columns] of a product with many rows.
memory::desc PackedDesc(int64_t inner, int64_t columns) {
  // oneDNN 3.7 packs an odd number of rows in pairs and then multiplies them wrongly on
  // AVX512_BF16.
  if (inner % 2 != 0) return Bfloat16Desc(inner, columns, columns, false);
  constexpr int64_t kManyRows = 128;
  const auto type = memory::data_type::bf16;
  const memory::desc any({inner, columns}, type, memory::format_tag::any);
  const memory::desc c({kManyRows, columns}, memory::data_type::f32, memory::format_tag::ab);
  const memory::desc a = Bfloat16Desc(kManyRows, inner, inner, false);
  return ChooseMatMul(Engine(), a, any, c, {}, Missing::kError).weights_desc();
}

struct ProductKey {
  int64_t rows, columns, inner, a_stride, b_stride, c_stride;
  bool a_transposed, b_packed, add;
  bool operator==(const ProductKey&) const = default;
};

// c = or += a b for bfloat16 a and b and float32 c, of one shape, by several threads.
class Bfloat16Product {
 public:
  Bfloat16Product(const ProductKey& key, int threads) : key_(key) {
    const memory::desc a = Bfloat16Desc(key.rows, key.inner, key.a_stride, key.a_transposed);
    const memory::desc b = key.b_packed ? PackedDesc(key.inner, key.columns)
                                        : Bfloat16Desc(key.inner, key.columns, key.b_stride, false);
    const memory::desc c({key.rows, key.columns}, memory::data_type::f32,
                         memory::dims{key.c_stride, 1});
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (key.add) {
      dnnl::post_ops sum;
      sum.append_sum(1.0f);
      attributes.set_post_ops(sum);
    }
    const dnnl::matmul::primitive_desc chosen =
        ChooseMatMul(Engine(), a, b, c, attributes, Missing::kError);
    product_ = dnnl::matmul(chosen);
    for (int i = 0; i < threads; ++i) {
      arguments_.push_back({memory(a, Engine(), nullptr), memory(b, Engine(), nullptr),
                            memory(c, Engine(), nullptr),
                            memory(chosen.scratchpad_desc(), Engine())});
    }
  }

  const ProductKey& key() const { return key_; }

  void Run(int thread, const void* a, const void* b, float* c, const dnnl::stream& stream) {
    Arguments& x = arguments_[static_cast<size_t>(thread)];
    x.a.set_data_handle(const_cast<void*>(a));
    x.b.set_data_handle(const_cast<void*>(b));
    x.c.set_data_handle(c);
    Execute(product_, stream,
            std::array<dnnl_exec_arg_t, 4>{{{DNNL_ARG_SRC, x.a.get()},
                                            {DNNL_ARG_WEIGHTS, x.b.get()},
                                            {DNNL_ARG_DST, x.c.get()},
                                            {DNNL_ARG_SCRATCHPAD, x.scratchpad.get()}}});
  }

 private:
  struct Arguments {
    memory a, b, c, scratchpad;
  };
  ProductKey key_;
  dnnl::matmul product_;
  std::vector<Arguments> arguments_;  // of each thread
};

// Rounds a float32 matrix to bfloat16 as the second operand of products.
class Packing {
 public:
  // Of [rows, columns] stored by columns if transposed.
  Packing(int64_t rows, int64_t columns, bool transposed)
      : from_({{rows, columns},
               memory::data_type::f32,
               transposed ? memory::format_tag::ba : memory::format_tag::ab},
              Engine(), nullptr),
        to_(PackedDesc(rows, columns), Engine()),
        reorder_(from_, to_),
        stream_(Engine()) {}

  void Run(const float* from) {
    from_.set_data_handle(const_cast<float*>(from));
    Execute(
        reorder_, stream_,
        std::array<dnnl_exec_arg_t, 2>{{{DNNL_ARG_FROM, from_.get()}, {DNNL_ARG_TO, to_.get()}}});
  }
  const void* data() const { return to_.get_data_handle(); }

 private:
  memory from_, to_;
  dnnl::reorder reorder_;
  dnnl::stream stream_;
};

}  // namespace

void MatMul(ConstTensorView a, Operand a_is, ConstTensorView b, Operand b_is, TensorView c,
            Result result) {
  const bool at = a_is == Operand::kTransposed;
  const bool bt = b_is == Operand::kTransposed;
  const int64_t inner = at ? a.rows : a.columns;
  CheckProduct(at ? a.columns : a.rows, inner, bt ? b.columns : b.rows, bt ? b.rows : b.columns, c);
  PrepareOneDnn();
  const dnnl_status_t status =
      dnnl_sgemm(at ? 'T' : 'N', bt ? 'T' : 'N', c.rows, c.columns, inner, 1.0f, a.data, a.stride,
                 b.data, b.stride, result == Result::kAdd ? 1.0f : 0.0f, c.data, c.stride);
  if (status == dnnl_out_of_memory) throw std::bad_alloc();
  if (status != dnnl_success) {
    throw InternalError(fmt::format("oneDNN's matrix product failed with status {}", int{status}));
  }
}

bool HasFastBfloat16() {
  if (UsableIsa() < Isa::kAvx512Bf16) return false;
  // Its own variable, ONEDNN_MAX_CPU_ISA, may allow oneDNN less than OCCAM_MAX_ISA allows us. Each
  // set has the bits of those that it contains.
  PrepareOneDnn();
  return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) ==
         dnnl_cpu_isa_avx512_core_bf16;
}

struct LinearWeights::Packed {
  Packed(int64_t outputs, int64_t inputs)
      : forward(inputs, outputs, /*transposed=*/true),
        backward(outputs, inputs, /*transposed=*/false) {}
  Packing forward;   // [I, O]
  Packing backward;  // [O, I]
};

LinearWeights::LinearWeights(int64_t outputs, int64_t inputs, Precision precision)
    : outputs_(outputs), inputs_(inputs) {
  if (precision == Precision::kFloat32) return;
  CheckBfloat16();
  PrepareOneDnn();
  packed_ = std::make_unique<Packed>(outputs, inputs);
}

LinearWeights::~LinearWeights() = default;
LinearWeights::LinearWeights(LinearWeights&&) noexcept = default;
LinearWeights& LinearWeights::operator=(LinearWeights&&) noexcept = default;

void LinearWeights::Set(ConstTensorView w) {
  if (w.rows != outputs_ || w.columns != inputs_ || w.stride != inputs_) {
    throw InternalError(fmt::format("weights of [{}, {}], a row every {}, where [{}, {}] belong",
                                    w.rows, w.columns, w.stride, outputs_, inputs_));
  }
  plain_ = w;
  if (!packed_) return;
  PrepareOneDnn();
  packed_->forward.Run(w.data);
  packed_->backward.Run(w.data);
}

// Shapes are found without a lock: a product, once there, stays.
struct LinearLayers::Products {
  explicit Products(int threads_in) : threads(threads_in) {
    for (int i = 0; i < threads; ++i) streams.emplace_back(Engine());
  }

  void Multiply(int thread, const ProductKey& key, const void* a, const void* b, float* c) {
    PrepareOneDnn();
    try {
      Bfloat16Product* product = Find(key);
      if (product == nullptr) product = Make(key);
      product->Run(thread, a, b, c, streams[static_cast<size_t>(thread)]);
    } catch (const dnnl::error& error) {
      if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
      throw InternalError(fmt::format("oneDNN's bfloat16 product failed: {}", error.what()));
    }
  }

  Bfloat16Product* Find(const ProductKey& key) const {
    for (size_t i = 0; i < count.load(std::memory_order_acquire); ++i) {
      if (made[i]->key() == key) return made[i].get();
    }
    return nullptr;
  }
  Bfloat16Product* Make(const ProductKey& key) {
    const std::lock_guard lock(mutex);
    if (Bfloat16Product* const product = Find(key)) return product;
    const size_t place = count.load(std::memory_order_relaxed);
    if (place == made.size()) throw InternalError("more shapes of products than expected");
    made[place] = std::make_unique<Bfloat16Product>(key, threads);
    count.store(place + 1, std::memory_order_release);
    return made[place].get();
  }

  const int threads;
  std::vector<dnnl::stream> streams;  // of each thread
  std::mutex mutex;                   // held while one is made
  // A network has about two dozen: five layers, two directions, whole and last block of rows.
  std::array<std::unique_ptr<Bfloat16Product>, 128> made;
  std::atomic<size_t> count = 0;
};

LinearLayers::LinearLayers(Precision precision, int threads) {
  if (precision == Precision::kFloat32) return;
  CheckBfloat16();
  PrepareOneDnn();
  products_ = std::make_unique<Products>(threads);
}

LinearLayers::~LinearLayers() = default;

void LinearLayers::Forward(int thread, ConstOperandView x, const LinearWeights& w, TensorView y,
                           Result result) {
  CheckProduct(x.rows(), x.columns(), w.plain_.columns, w.plain_.rows, y);
  if (!products_) {
    return MatMul(x.float32, Operand::kAsIs, w.plain_, Operand::kTransposed, y, result);
  }
  const ProductKey key{y.rows, y.columns, x.columns(),           x.stride(), 0, y.stride,
                       false,  true,      result == Result::kAdd};
  products_->Multiply(thread, key, x.bfloat16.data, w.packed_->forward.data(), y.data);
}

void LinearLayers::BackwardInput(int thread, ConstOperandView dy, const LinearWeights& w,
                                 TensorView dx) {
  CheckProduct(dy.rows(), dy.columns(), w.plain_.rows, w.plain_.columns, dx);
  if (!products_) {
    return MatMul(dy.float32, Operand::kAsIs, w.plain_, Operand::kAsIs, dx, Result::kReplace);
  }
  const ProductKey key{dx.rows,   dx.columns, dy.columns(), dy.stride(), 0,
                       dx.stride, false,      true,         false};
  products_->Multiply(thread, key, dy.bfloat16.data, w.packed_->backward.data(), dx.data);
}

void LinearLayers::BackwardWeights(int thread, ConstOperandView dy, ConstOperandView x,
                                   TensorView dw) {
  CheckProduct(dy.columns(), dy.rows(), x.rows(), x.columns(), dw);
  if (!products_) {
    return MatMul(dy.float32, Operand::kTransposed, x.float32, Operand::kAsIs, dw,
                  Result::kReplace);
  }
  const ProductKey key{dw.rows,   dw.columns, dy.rows(), dy.stride(), x.stride(),
                       dw.stride, true,       false,     false};
  products_->Multiply(thread, key, dy.bfloat16.data, x.bfloat16.data, dw.data);
}

}  // namespace occam
