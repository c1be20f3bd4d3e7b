// Buffers of the training network. A view says where rows of features lie and owns nothing; a
// tensor owns them. [B, T, D] is seen as B * T rows of D columns.
#ifndef OCCAM_MODEL_NETWORK_TENSOR_H_
#define OCCAM_MODEL_NETWORK_TENSOR_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>

namespace occam {

// [rows, columns]; row r starts at data + r * stride, stride >= columns.
template <typename T>
struct BasicTensorView {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;

  T* row(int64_t r) const { return data + r * stride; }
  BasicTensorView Rows(int64_t begin, int64_t count) const {
    return {row(begin), count, columns, stride};
  }
  BasicTensorView Columns(int64_t begin, int64_t count) const {
    return {data + begin, rows, count, stride};
  }
  operator BasicTensorView<const T>() const { return {data, rows, columns, stride}; }
};
using TensorView = BasicTensorView<float>;
using ConstTensorView = BasicTensorView<const float>;

// A flat span, such as a parameter tensor, as rows of `columns`.
inline TensorView ViewOf(std::span<float> values, int64_t columns) {
  return {values.data(), static_cast<int64_t>(values.size()) / columns, columns, columns};
}
inline ConstTensorView ViewOf(std::span<const float> values, int64_t columns) {
  return {values.data(), static_cast<int64_t>(values.size()) / columns, columns, columns};
}

inline void Clear(TensorView x) {
  for (int64_t r = 0; r < x.rows; ++r) std::fill_n(x.row(r), x.columns, 0.0f);
}

// to = from, of the same shape.
inline void Copy(ConstTensorView from, TensorView to) {
  for (int64_t r = 0; r < from.rows; ++r) std::copy_n(from.row(r), from.columns, to.row(r));
}

// Owns [rows, columns] floats without gaps, aligned to a cache line, zero at first.
class Tensor {
 public:
  Tensor() = default;
  Tensor(int64_t rows, int64_t columns) : rows_(rows), columns_(columns) {
    constexpr size_t kLine = 64;
    const size_t bytes =
        (static_cast<size_t>(rows * columns) * sizeof(float) + kLine) / kLine * kLine;
    data_.reset(static_cast<float*>(std::aligned_alloc(kLine, bytes)));
    if (data_ == nullptr) throw std::bad_alloc();
    std::fill_n(data_.get(), rows * columns, 0.0f);
  }

  TensorView view() { return {data_.get(), rows_, columns_, columns_}; }
  ConstTensorView view() const { return {data_.get(), rows_, columns_, columns_}; }
  operator TensorView() { return view(); }
  operator ConstTensorView() const { return view(); }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  int64_t size() const { return rows_ * columns_; }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float[], Free> data_;
  int64_t rows_ = 0;
  int64_t columns_ = 0;
};

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_TENSOR_H_
