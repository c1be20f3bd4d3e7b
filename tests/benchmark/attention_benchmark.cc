// What attention costs by its window, head size and precision: three heads over a sequence of 2048,
// forward and backward, CPU time of one thread, the fastest of rounds that go through all in turn.
// FLOP are those of the pairs of a query and a key that it sees, 4 times the head size a pair
// forward and 8 backward; what is computed again or masked is not counted. Beside them oneDNN's
// rate for a product [2048, 256] x [256, 256] in the same run.

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "data/base/format.h"
#include "data/base/random.h"
#include "model/network/attention.h"
#include "model/network/norm.h"
#include "onednn_rate.h"
#include "thread_seconds.h"

namespace occam {
namespace {

constexpr int kRounds = 15;
constexpr int kLength = 2048;
constexpr int kHeads = 3;

// The fastest so far of one piece of work.
struct Timing {
  double seconds = 1e9;
  void Measure(const std::function<void()>& work) {
    const double begin = ThreadSeconds();
    work();
    seconds = std::min(seconds, ThreadSeconds() - begin);
  }
};

class Attention {
 public:
  Attention(Precision precision, int size, int window)
      : precision_(precision),
        shape_{1, kLength, kHeads, kHeads, size, window},
        width_(kHeads * size),
        qkv_(kLength, 3 * width_),
        dqkv_(kLength, 3 * width_),
        out_(kLength, width_),
        dout_(kLength, width_),
        inverse_sum_(kLength * kHeads),
        scratch_(precision) {
    Random random(1);
    for (Tensor* x : {&qkv_, &dout_}) {
      for (int64_t i = 0; i < x->size(); ++i) x->data()[i] = random.Symmetric(1.0f);
    }
    std::vector<float> inverse_rms(2 * kLength * kHeads);
    const TensorView queries_and_keys = qkv_.view().Columns(0, 2 * width_);
    NormForward(queries_and_keys, size, queries_and_keys, inverse_rms);
  }
  void Round() {
    forward_.Measure([this] {
      AttentionForward(shape_, Part(&qkv_, 0), Part(&qkv_, 1), Part(&qkv_, 2), out_, inverse_sum_,
                       &scratch_);
    });
    backward_.Measure([this] {
      AttentionBackward(shape_, Part(&qkv_, 0), Part(&qkv_, 1), Part(&qkv_, 2), out_, inverse_sum_,
                        dout_, Part(&dqkv_, 0), Part(&dqkv_, 1), Part(&dqkv_, 2), &scratch_);
    });
  }
  void Print() const {
    double pairs = 0;
    for (int t = 0; t < kLength; ++t) pairs += std::min(t + 1, shape_.window);
    const double flop = 4 * pairs * static_cast<double>(width_);
    fmt::print("{} {:9} {:6} {:10.3f} ms {:6.1f} GFLOP/s {:10.3f} ms {:6.1f} GFLOP/s\n",
               precision_ == Precision::kFloat32 ? "f32 " : "bf16", shape_.head_size, shape_.window,
               1e3 * forward_.seconds, 1e-9 * flop / forward_.seconds, 1e3 * backward_.seconds,
               2e-9 * flop / backward_.seconds);
  }

 private:
  TensorView Part(Tensor* x, int i) const { return x->view().Columns(i * width_, width_); }

  Precision precision_;
  AttentionShape shape_;
  int64_t width_;
  Tensor qkv_, dqkv_, out_, dout_;
  std::vector<float> inverse_sum_;
  AttentionScratch scratch_;
  Timing forward_, backward_;
};

void Run() {
  std::vector<std::unique_ptr<Attention>> all;
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    if (precision == Precision::kBfloat16 && !HasFastBfloat16()) continue;
    for (const int size : {32, 24}) {
      for (const int window : {64, 128, 256, 1024, 2048}) {
        all.push_back(std::make_unique<Attention>(precision, size, window));
      }
    }
  }
  constexpr ProductShape kShape{kLength, 256, 256};
  const std::function<void()> products[] = {OneDnnProduct(kShape, ProductType::kFloat),
                                            OneDnnProduct(kShape, ProductType::kBfloat16)};
  Timing rates[2];
  for (int round = 0; round < kRounds; ++round) {
    for (const auto& attention : all) attention->Round();
    for (int i = 0; i < 2; ++i) {
      if (products[i]) rates[i].Measure(products[i]);
    }
  }
  fmt::print("     head size window         forward                         backward\n");
  for (const auto& attention : all) attention->Print();
  for (int i = 0; i < 2; ++i) {
    if (!products[i]) continue;
    fmt::print("oneDNN {:4} {:6.1f} GFLOP/s\n", i == 0 ? "f32" : "bf16",
               2e-9 * kLength * 256 * 256 / rates[i].seconds);
  }
}

}  // namespace
}  // namespace occam

int main() { occam::Run(); }
