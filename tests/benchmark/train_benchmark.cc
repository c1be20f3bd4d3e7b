// Where training time goes, and how near it comes to what the processor can do.
//
//   train_benchmark [--text FILE] [SIZE...]   SIZE: parameters, such as 200K, or with a memory,
//                                             200K+small (default 200K 800K 3.2M)
//
// Without a text symbols are random. Then nearly each look-up of a memory is a row of its own,
// where those of a text repeat.
//
// For each size: tokens a second of forward, loss, backward and the step's share of the optimizer;
// the time of one sequence by part; and the ratio of the network's FLOP/s to those of oneDNN's
// float32 and bfloat16 products of the same shapes, operands ready, measured in the same run. Times
// are CPU times of one thread, the medians of rounds that go through all parts in turn, so other
// work on the machine disturbs little.
//
//   train_benchmark --threads 1,2,4 [--processes 2,4] [--batch N] [--precision f32|bf16]
//                   [--text FILE] [SIZE...]
//
// For each size and number of threads: whole training steps (gradients of a batch, their norm, the
// optimizer), tokens a second of wall time, the median step. With --processes the same for so many
// processes of one thread that share nothing, which is what the machine makes of more cores. Needs
// a quiet machine.

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/base/random.h"
#include "data/base/thread_team.h"
#include "data/batcher.h"
#include "model/network/attention.h"
#include "model/network/matmul.h"
#include "model/network/network_weights.h"
#include "model/network/tensor.h"
#include "model/network/transformer.h"
#include "model/network/workspace.h"
#include "model/parameters.h"
#include "network_cost.h"
#include "onednn_rate.h"
#include "thread_scaling.h"
#include "thread_seconds.h"
#include "train/loss.h"
#include "train/memory_learner.h"
#include "train/optimizer.h"
#include "train/row_gradient.h"

namespace occam {
namespace {

constexpr int kRounds = 9;

struct Part {
  std::string name;
  std::function<void()> work;  // that of one sequence; empty: the machine cannot
  double seconds = 0;          // the median
};

void Measure(std::span<Part> parts) {
  std::vector<std::vector<double>> seconds(parts.size());
  for (int round = -1; round < kRounds; ++round) {
    for (size_t i = 0; i < parts.size(); ++i) {
      if (!parts[i].work) continue;
      const double begin = ThreadSeconds();
      parts[i].work();
      if (round >= 0) seconds[i].push_back(ThreadSeconds() - begin);  // the first is to warm up
    }
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    std::ranges::sort(seconds[i]);
    if (parts[i].work) parts[i].seconds = seconds[i][kRounds / 2];
  }
}

Tensor RandomTensor(int64_t rows, int64_t columns, Random* random) {
  Tensor x(rows, columns);
  for (int64_t i = 0; i < x.size(); ++i) {
    x.data()[i] = static_cast<float>(random->Below(65536)) / 32768.0f - 1.0f;
  }
  return x;
}

// Additions and multiplications of one token, forward and backward: a multiply-add is two; the
// backward pass has two products for each of the forward pass. What is computed again (attention's
// scores) does not count.
double LinearFlop(const ModelConfig& c) { return 6 * CountOfLinearWeights(c); }

double AttentionFlop(const ModelConfig& c) { return 12 * PairsSeen(c) * c.width; }

// The products of all linear layers, forward and backward, on buffers of their own, in the blocks
// and pieces of the network.
class Linears {
 public:
  Linears(const ModelConfig& c, Precision precision)
      : c_(c), team_(1), shop_(c, precision, &team_), shapes_(LinearShapes(c)) {
    Random random(3);
    for (const LinearShape& s : shapes_) {
      x_.emplace_back(c.context, s.inputs, precision);
      dy_.emplace_back(c.context, s.outputs, precision);
      ToOperand(RandomTensor(c.context, s.inputs, &random), x_.back());
      ToOperand(RandomTensor(c.context, s.outputs, &random), dy_.back());
      w_.push_back(RandomTensor(s.outputs, s.inputs, &random));
      packed_.emplace_back(s.outputs, s.inputs, precision);
      packed_.back().Set(w_.back());
      y_.emplace_back(c.context, s.outputs);
      dx_.emplace_back(c.context, s.inputs);
      dw_.emplace_back(s.outputs, s.inputs);
    }
  }
  void Run() {
    for (size_t i = 0; i < shapes_.size(); ++i) {
      const WeightGradient gradient{dy_[i], x_[i], dw_[i]};
      shop_.ForEachBlock(
          1, c_.context, {&gradient, 1}, [&](const RowBlock& b, Workspace::ThreadScratch&) {
            shop_.linear().Forward(0, b.Of(x_[i]), packed_[i], b.Of(y_[i].view()),
                                   Result::kReplace);
            shop_.linear().BackwardInput(0, b.Of(dy_[i]), packed_[i], b.Of(dx_[i].view()));
          });
    }
  }

 private:
  const ModelConfig c_;
  ThreadTeam team_;
  Workspace shop_;
  std::vector<LinearShape> shapes_;
  std::vector<OperandTensor> x_, dy_;
  std::vector<Tensor> w_, y_, dx_, dw_;
  std::vector<LinearWeights> packed_;
};

// Attention of all layers, forward and backward.
class Attentions {
 public:
  Attentions(const ModelConfig& c, Precision precision)
      : c_(c),
        random_(4),
        qkv_(RandomTensor(c.context, Columns(), &random_)),
        dqkv_(c.context, Columns()),
        out_(c.context, c.width),
        dout_(RandomTensor(c.context, c.width, &random_)),
        inverse_sum_(static_cast<size_t>(c.context * c.heads)),
        scratch_(precision) {}
  void Run() {
    const auto part = [&](Tensor& t, int i) {
      return i == 0 ? t.view().Columns(0, c_.width)
                    : t.view().Columns(c_.width + (i - 1) * c_.kv_width(), c_.kv_width());
    };
    for (int l = 0; l < c_.layers; ++l) {
      const AttentionShape shape{1,           c_.context,     c_.heads,
                                 c_.kv_heads, c_.head_size(), c_.window(l)};
      AttentionForward(shape, part(qkv_, 0), part(qkv_, 1), part(qkv_, 2), out_, inverse_sum_,
                       &scratch_);
      AttentionBackward(shape, part(qkv_, 0), part(qkv_, 1), part(qkv_, 2), out_, inverse_sum_,
                        dout_, part(dqkv_, 0), part(dqkv_, 1), part(dqkv_, 2), &scratch_);
    }
  }

 private:
  int64_t Columns() const { return c_.width + 2 * c_.kv_width(); }
  const ModelConfig c_;
  Random random_;
  Tensor qkv_, dqkv_, out_, dout_;
  std::vector<float> inverse_sum_;
  AttentionScratch scratch_;
};

// Sequences of a batch through the network, one after the other.
class Network {
 public:
  Network(const ModelConfig& c, Precision precision, const Batch& batch)
      : c_(c),
        batch_(batch),
        weights_(c),
        gradients_(c),
        team_(1),
        shop_(c, precision, &team_),
        packed_(c, precision),
        network_(c, 1, c.context, &shop_),
        memory_(c),
        dlogits_(Tokens() * static_cast<size_t>(c.vocabulary)) {
    Randomise(&weights_, 1);
    packed_.Set({weights_, memory_}, &team_);
    const size_t sequences = batch.targets.size() / Tokens();
    for (size_t i = 0; i < sequences; ++i) recalled_.emplace_back(c, c.context);
    for (size_t i = 0; i < sequences; ++i) Run();
  }
  void Run() {
    sequence_ = (sequence_ + 1) % recalled_.size();
    logits_ = network_.Forward(packed_, Of(batch_.inputs));
    Loss();
    network_.Backward(packed_, dlogits_, &gradients_, &recalled_[sequence_]);
  }
  void Loss() {
    SoftmaxCrossEntropy(logits_, Of(batch_.targets), c_.vocabulary,
                        1.0f / static_cast<float>(Tokens()), dlogits_);
  }
  // Of each sequence of the batch.
  std::span<const RecalledRows> recalled() const { return recalled_; }

 private:
  size_t Tokens() const { return static_cast<size_t>(c_.context); }
  std::span<const int32_t> Of(std::span<const int32_t> symbols) const {
    return symbols.subspan(sequence_ * Tokens(), Tokens());
  }
  const ModelConfig c_;
  const Batch& batch_;
  size_t sequence_ = 0;
  ParameterSet weights_, gradients_;
  ThreadTeam team_;
  Workspace shop_;
  NetworkWeights packed_;
  Transformer network_;
  MemoryRows memory_;
  std::vector<RecalledRows> recalled_;
  std::vector<float> dlogits_;
  std::span<const float> logits_;
};

// oneDNN's products for all linear layers: y = x w^T, dx = dy w, dw = dy^T x.
std::function<void()> OneDnnProducts(const ModelConfig& c, ProductType type) {
  std::vector<std::function<void()>> products;
  for (const auto& [outputs, inputs] : LinearShapes(c)) {
    for (const ProductShape& shape : {ProductShape{c.context, outputs, inputs},
                                      {c.context, inputs, outputs},
                                      {outputs, inputs, c.context}}) {
      products.push_back(OneDnnProduct(shape, type));
      if (!products.back()) return {};
    }
  }
  return [=] {
    for (const auto& product : products) product();
  };
}

void PrintParts(std::span<const Part> parts, double total, double rest) {
  for (const Part& part : parts) {
    fmt::print("  {:<34}{:9.2f} ms {:5.1f} %\n", part.name, 1e3 * part.seconds,
               100 * part.seconds / total);
  }
  fmt::print("  {:<34}{:9.2f} ms {:5.1f} %\n", "convolutions, norms and the rest", 1e3 * rest,
             100 * rest / total);
}

void Report(const ModelConfig& c, Precision precision, std::span<const int32_t> text) {
  const Recipe recipe;
  const auto sequences = static_cast<double>(recipe.batch_sequences);
  Batch batch;
  BatchesOf(c, recipe, text).Fill(0, &batch);
  ThreadTeam team(1);
  Network network(c, precision, batch);
  Linears linears(c, precision);
  Attentions attentions(c, precision);
  Optimizer optimizer(c, recipe, &team);
  MemoryLearner memory(c, recipe, &team);
  RowGradient rows(c);
  ParameterSet weights(c), gradients(c);
  Randomise(&weights, 5);
  Randomise(&gradients, 6);
  std::vector<Part> parts = {{"forward, loss, backward", [&] { network.Run(); }},
                             {"oneDNN f32", OneDnnProducts(c, ProductType::kFloat)},
                             {"oneDNN bf16", OneDnnProducts(c, ProductType::kBfloat16)},
                             {"matrix products", [&] { linears.Run(); }},
                             {"attention", [&] { attentions.Run(); }},
                             {"loss", [&] { network.Loss(); }},
                             {"rows of the memory",
                              [&] {
                                rows.Clear(static_cast<int64_t>(batch.targets.size()));
                                rows.Add(network.recalled(), &team);
                                memory.Step(1, rows);
                              }},
                             {"optimizer", [&] { optimizer.Step(1, 1, gradients, &weights); }}};
  Measure(parts);
  for (const size_t whole_step : {6, 7}) parts[whole_step].seconds /= sequences;
  const std::span<const Part> inside = std::span(parts).subspan(3);
  const double total = parts[0].seconds + parts[6].seconds + parts[7].seconds;
  double rest = total;
  for (const Part& part : inside) rest -= part.seconds;

  fmt::print("{}: {}\n", NameOf(precision), Describe(c));
  fmt::print("  {:.0f} tokens/s of one thread\n", c.context / total);
  PrintParts(inside, total, rest);
  const double flop = (LinearFlop(c) + AttentionFlop(c)) * c.context;
  fmt::print("  {:.2f} + {:.2f} MFLOP a token (linear + attention): {:.1f} GFLOP/s\n",
             1e-6 * LinearFlop(c), 1e-6 * AttentionFlop(c), 1e-9 * flop / total);
  for (const Part& part : std::span(parts).subspan(1, 2)) {
    if (!part.work) {
      fmt::print("  {:<12} not on this processor\n", part.name);
      continue;
    }
    const double rate = LinearFlop(c) * c.context / part.seconds;
    fmt::print("  {:<12}{:8.1f} GFLOP/s; the network reaches {:.0f} % of it\n", part.name,
               1e-9 * rate, 100 * flop / total / rate);
  }
}

struct Options {
  std::vector<int> threads, processes;  // both empty: report the parts
  std::optional<int> batch;
  std::optional<Precision> precision;
  std::vector<ModelConfig> configs;
  std::vector<int32_t> text;
  bool OfParts() const { return threads.empty() && processes.empty(); }
};

std::vector<int> ParseNumbers(const std::string& text) {
  std::vector<int> numbers;
  std::istringstream list(text);
  for (std::string part; std::getline(list, part, ',');) numbers.push_back(std::stoi(part));
  return numbers;
}

Options Parse(std::span<char*> arguments) {
  Options options;
  options.text = RandomText();
  std::vector<std::string> sizes;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string name = arguments[i];
    if (name.substr(0, 2) != "--") {
      sizes.push_back(name);
      continue;
    }
    if (++i == arguments.size()) throw UsageError(name + " wants a value");
    const std::string value = arguments[i];
    if (name == "--threads") {
      options.threads = ParseNumbers(value);
    } else if (name == "--processes") {
      options.processes = ParseNumbers(value);
    } else if (name == "--batch") {
      options.batch = std::stoi(value);
    } else if (name == "--text") {
      const Bytes bytes = ReadFile(value);
      options.text.assign(bytes.begin(), bytes.end());
    } else if (name == "--precision" && (value == "f32" || value == "bf16")) {
      options.precision = value == "f32" ? Precision::kFloat32 : Precision::kBfloat16;
    } else {
      throw UsageError("unknown option " + name + " " + value);
    }
  }
  if (sizes.empty()) sizes = {"200K", "800K", "3.2M"};
  for (const std::string& size : sizes) options.configs.push_back(ConfigNamed(size));
  return options;
}

void Run(const Options& options) {
  for (const ModelConfig& c : options.configs) {
    for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
      if (options.precision ? *options.precision != precision
                            : precision == Precision::kBfloat16 && !HasFastBfloat16()) {
        continue;
      }
      if (options.OfParts()) Report(c, precision, options.text);
      if (!options.threads.empty()) {
        ReportThreads(c, precision, options.batch, options.threads, options.text);
      }
      if (!options.processes.empty()) {
        ReportProcesses(c, precision, options.batch, options.processes, options.text);
      }
    }
  }
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  try {
    const occam::Options options =
        occam::Parse(std::span(argv, static_cast<size_t>(argc)).subspan(1));
    if (options.OfParts()) {
      occam::fmt::print(
          "FLOP a token = 6 * (weights of linear layers) + 12 * width * (query-key pairs a token,\n"
          "summed over the layers); forward and backward, what is computed again not counted.\n");
    }
    occam::Run(options);
  } catch (const std::exception& error) {
    occam::fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
  return 0;
}
