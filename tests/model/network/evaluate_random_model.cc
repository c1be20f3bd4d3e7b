// evaluate_random_model CHECKPOINT DATA TAPS: saves a random model of bytes with so many taps of
// its convolutions and prints what the training network makes of DATA, as evaluate_torch.py must
// print it.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "model/checkpoint/checkpoint.h"
#include "model/network/transformer.h"
#include "train/loss.h"

namespace occam {
namespace {

ModelConfig Config(int taps) {
  ModelConfig config;
  config.conv_width = taps;
  config.width = 32;
  config.layers = 3;
  config.heads = 2;
  config.kv_heads = 1;
  config.context = 256;
  config.windows = {20, 0, 64};
  return config;
}

double ChunkNats(const ModelConfig& config, const ParameterSet& weights,
                 std::span<const uint8_t> chunk) {
  const std::vector<int32_t> targets(chunk.begin(), chunk.end());
  std::vector<int32_t> inputs = targets;
  inputs.insert(inputs.begin(), config.begin_symbol());
  inputs.pop_back();
  ThreadTeam team(1);
  Workspace workspace(config, Precision::kFloat32, &team);
  NetworkWeights network_weights(config, Precision::kFloat32);
  network_weights.Set(weights, &team);
  Transformer network(config, 1, static_cast<int>(chunk.size()), &workspace);
  return SoftmaxCrossEntropy(network.Forward(network_weights, inputs), targets, config.vocabulary,
                             1.0f, {});
}

void Run(const std::string& checkpoint_path, const std::string& data_path, int taps) {
  const ModelConfig config = Config(taps);
  ParameterSet weights(config);
  Randomise(&weights, 5);
  const auto heads = static_cast<size_t>(config.layers * config.kv_heads);
  const Calibration calibration{std::vector<float>(heads, 1.0f), std::vector<float>(heads, 1.0f)};
  SaveCheckpoint(checkpoint_path, {config, weights, calibration, {}, std::nullopt, {}});

  const Bytes data = ReadFile(data_path);
  const auto context = static_cast<size_t>(config.context);
  double nats = 0;
  for (size_t at = 0; at < data.size(); at += context) {
    nats += ChunkNats(config, weights,
                      std::span(data).subspan(at, std::min(context, data.size() - at)));
  }
  fmt::print("{:.5f} bits per byte over {} bytes\n",
             nats / std::log(2.0) / static_cast<double>(data.size()), data.size());
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    occam::Run(argv[1], argv[2], std::atoi(argv[3]));
  } catch (const occam::Error& error) {
    occam::fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(error.kind());
  }
  return 0;
}
