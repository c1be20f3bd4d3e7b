// How fast the exact network's linear layers are, beside oneDNN's bare int8 products of the same
// shapes in the same run: billions of integer operations a second (a multiply-add is two), CPU time
// of one thread, the fastest of rounds that go through all shapes in turn. Ours also find the sums
// that their packed weights need, scale, add and write floats; oneDNN's operands are ready, and its
// sums stay integers. A layer alone has its weights in the nearest cache that holds them; a pass is
// all layers of a network in turn, as scoring (64 rows) and stepping (8 to 32) have them.
//
//   product_benchmark

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/base/aligned_array.h"
#include "data/base/format.h"
#include "data/base/random.h"
#include "model/exact/kernels.h"
#include "onednn_rate.h"
#include "thread_seconds.h"

namespace occam {
namespace {

constexpr int kRounds = 25;

// Rows that go into the layers and come out of them.
struct Rows {
  Rows() {
    Random random(1);
    for (int i = 0; i < kTileRows * kMost; ++i) {
      x.data()[i] = static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127);
    }
  }
  static constexpr int kMost = 768;  // inputs, outputs
  RowBuffer<int8_t> x{kTileRows, kMost};
  RowBuffer<float> y{kTileRows, kMost};
  AlignedArray<std::byte> scratch;  // as the largest layer needs
  std::vector<float> x_scales = std::vector<float>(kTileRows, 0.01f);
};

// Random weights.
class Layer {
 public:
  Layer(const KernelSet& kernels, int outputs, int inputs, bool add) : add_(add) {
    Random random(1);
    std::vector<int8_t> codes(static_cast<size_t>(outputs) * static_cast<size_t>(inputs));
    for (int8_t& code : codes) code = static_cast<int8_t>(static_cast<int>(random.Below(127)) - 63);
    // Zero, so that what is added to does not grow from call to call.
    const std::vector<float> scales(static_cast<size_t>(outputs), 0.0f);
    linear_ = kernels.MakeLinear(codes, scales, outputs, inputs);
  }
  size_t scratch_bytes() const { return linear_->scratch_bytes(); }
  void Apply(const Rows& rows, int count) const {
    linear_->Apply(rows.x.data(), rows.x_scales.data(), count, add_, rows.y.data(),
                   rows.scratch.data());
  }

 private:
  bool add_;
  std::unique_ptr<LinearLayer> linear_;
};

using Call = std::function<void()>;

struct Work {
  std::string name;
  double operations;
  Call ours, onednn;
  double our_seconds = 1e9, onednn_seconds = 1e9;  // the fastest so far
};

// Seconds of one call, from as many as take about 100 us.
double Measure(const Work& w, const Call& call) {
  const int calls = 1 + static_cast<int>(5e7 / w.operations);
  const double begin = ThreadSeconds();
  for (int i = 0; i < calls; ++i) call();
  return (ThreadSeconds() - begin) / calls;
}

// The products of a network of 7 layers, alone and as one pass.
void AddProducts(const KernelSet& kernels, int width, int count, std::vector<Work>* all) {
  const auto rows = std::make_shared<Rows>();
  size_t scratch_bytes = 0;
  const auto product = [&](int outputs, int inputs) {
    const auto layer = std::make_shared<Layer>(kernels, outputs, inputs, outputs == width);
    scratch_bytes = std::max(scratch_bytes, layer->scratch_bytes());
    return Work{fmt::format("{:3} x [{:3}, {:3}]", count, outputs, inputs),
                2.0 * count * outputs * inputs, [=] { layer->Apply(*rows, count); },
                OneDnnProduct({count, outputs, inputs}, ProductType::kInt8)};
  };
  Work pass{fmt::format("{:3} x width {:3}", count, width), 0, {}, {}};
  std::vector<Call> calls;
  const auto add = [&](const Work& part) {
    calls.push_back(part.ours);
    pass.operations += part.operations;
  };
  const int shapes[][2] = {
      {3 * width, width}, {width, width}, {4 * width, width}, {width, 4 * width}};
  for (int l = 0; l < 7; ++l) {
    for (const auto& [outputs, inputs] : shapes) add(product(outputs, inputs));
  }
  const Work head = product(256, width);
  add(head);
  pass.ours = [calls] {
    for (const Call& call : calls) call();
  };
  for (const auto& [outputs, inputs] : shapes) all->push_back(product(outputs, inputs));
  rows->scratch = AlignedArray<std::byte>(scratch_bytes);
  all->push_back(head);
  all->push_back(pass);
}

void Run() {
  const auto kernels = MakeFastKernels();
  if (kernels == nullptr) {
    fmt::print("this processor has plain kernels only\n");
    return;
  }
  std::vector<Work> all;
  for (const int width : {48, 96, 192}) {
    for (const int rows : {8, 16, 32, kTileRows}) AddProducts(*kernels, width, rows, &all);
  }
  for (int round = 0; round < kRounds; ++round) {
    for (Work& w : all) {
      w.our_seconds = std::min(w.our_seconds, Measure(w, w.ours));
      if (w.onednn) w.onednn_seconds = std::min(w.onednn_seconds, Measure(w, w.onednn));
    }
  }
  fmt::print("{:16} {:>8} {:>8}   GOP/s of {}, and of oneDNN\n", "", "ours", "oneDNN",
             kernels->name());
  for (const Work& w : all) {
    fmt::print("{:16} {:8.1f}", w.name, 1e-9 * w.operations / w.our_seconds);
    if (w.onednn) fmt::print(" {:8.1f}", 1e-9 * w.operations / w.onednn_seconds);
    fmt::print("\n");
  }
}

}  // namespace
}  // namespace occam

int main() { occam::Run(); }
