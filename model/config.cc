#include "model/config.h"

#include <algorithm>
#include <cstdlib>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

// All by rate, the windows also by the cache that a decoder reads for every byte:
// experiments/results/family.
constexpr int kDeepLayers = 13;
constexpr int64_t kDeepFrom = 8'000'000;  // parameters
constexpr int kFamilyWindow = 64;
constexpr int kFamilyWideWindow = 1024;
constexpr int kWidthStep = 16;

int FamilyHeadSize(int width) {
  for (const int size : {32, 24, 16}) {
    if (width % size == 0) return size;
  }
  throw UsageError(fmt::format("width {} is no multiple of 16", width));
}

}  // namespace

int32_t ModelConfig::window(int l) const {
  const int32_t w = windows[static_cast<size_t>(l)];
  return w == 0 || w > context ? context : w;
}

void CheckConfig(const ModelConfig& c, ErrorKind kind) {
  const auto require = [&](bool holds, const char* what) {
    if (!holds) throw Error(kind, fmt::format("the model's configuration is wrong: {}", what));
  };
  // Bounds that the integers of the exact network need: sums of int8 products over mlp_width
  // columns, of p * v over context positions (255 * 63 * 2^16 < 2^31) and of 16-bit terms; 2^24
  // frequencies shared by the vocabulary.
  require(c.vocabulary >= 2 && c.vocabulary <= 65536, "vocabulary must be in 2..65536");
  require(c.width >= 8 && c.width <= 4096 && c.width % 8 == 0,
          "width must be a multiple of 8 in 8..4096");
  require(c.layers >= 1 && c.layers <= kMaxLayers, "layers must be in 1..256");
  require(c.heads >= 1 && c.width % c.heads == 0, "heads must divide the width");
  require(c.head_size() % 8 == 0 && c.head_size() <= 256,
          "the head size must be a multiple of 8, at most 256");
  require(c.kv_heads >= 1 && c.heads % c.kv_heads == 0, "kv_heads must divide heads");
  require(c.mlp_factor >= 1 && c.mlp_factor <= 16, "mlp_factor must be in 1..16");
  require(c.conv_width >= 0 && c.conv_width <= kMaxTaps, "conv_width must be in 0..16");
  require(c.context >= 1 && c.context <= 65536, "context must be in 1..65536");
  require(c.windows.size() == static_cast<size_t>(c.layers), "there must be one window a layer");
  for (const int32_t w : c.windows) require(w >= 0 && w <= 65536, "windows must be in 0..65536");
}

std::vector<int32_t> FamilyWindows(int layers) {
  std::vector<int32_t> windows(static_cast<size_t>(layers), kFamilyWindow);
  windows[static_cast<size_t>(std::max(0, layers - 2))] = kFamilyWideWindow;
  return windows;
}

ModelConfig FamilyConfig(int width, int vocabulary, int layers) {
  ModelConfig config;
  config.vocabulary = vocabulary;
  config.width = width;
  config.layers = layers;
  config.heads = width / FamilyHeadSize(width);
  config.kv_heads = config.heads;
  config.windows = FamilyWindows(layers);
  CheckConfig(config, ErrorKind::kUsage);
  return config;
}

ModelConfig FamilyConfigFor(int64_t parameters, int vocabulary) {
  const int layers = parameters > kDeepFrom ? kDeepLayers : kFamilyLayers;
  int best = kWidthStep;
  int64_t best_distance = INT64_MAX;
  for (int width = kWidthStep; width <= 4096; width += kWidthStep) {
    if (FamilyHeadSize(width) == 16 && width > 16)
      continue;  // they learned less: experiments/results/family
    const int64_t distance =
        std::llabs(ParameterCount(FamilyConfig(width, vocabulary, layers)) - parameters);
    if (distance < best_distance) {
      best_distance = distance;
      best = width;
    }
  }
  return FamilyConfig(best, vocabulary, layers);
}

std::string Describe(const ModelConfig& config) {
  std::string windows;
  for (int l = 0; l < config.layers; ++l) windows += fmt::format(" {}", config.window(l));
  std::string count = fmt::format("{}", ParameterCount(config));
  for (size_t at = count.size(); at > 3; at -= 3) count.insert(at - 3, ",");
  return fmt::format("{} parameters: width {}, {} layers, {} heads of {}{}, context {}, windows{}",
                     count, config.width, config.layers, config.heads, config.head_size(),
                     config.kv_heads == config.heads
                         ? ""
                         : fmt::format(" ({} for keys and values)", config.kv_heads),
                     config.context, windows);
}

}  // namespace occam
