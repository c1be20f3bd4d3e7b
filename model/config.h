// The shape of a network: every choice that docs/architecture.md names is a field here.
#ifndef OCCAM_MODEL_CONFIG_H_
#define OCCAM_MODEL_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

namespace occam {

constexpr int kMaxLayers = 256;
constexpr int kMaxTaps = 16;      // of a convolution
constexpr int kFamilyLayers = 7;  // by rate: experiments/results/family

struct ModelConfig {
  int32_t vocabulary = 256;  // V: outputs; inputs have one more, the begin symbol
  int32_t width = 48;        // D
  int32_t layers = 7;
  int32_t heads = 2;  // query heads; head size = width / heads
  int32_t kv_heads =
      2;  // key/value heads; query head h reads key/value head h / (heads / kv_heads)
  int32_t mlp_factor = 4;  // MLP width = mlp_factor * width
  int32_t conv_width = 4;  // taps of the causal depthwise convolutions; 0 = none
  int32_t context = 2048;  // positions of a fresh context, and what the full layers look back over
  std::vector<int32_t>
      windows;  // one a layer: positions that a query sees, its own included; 0 = the whole context

  int32_t head_size() const { return width / heads; }
  int32_t kv_width() const { return kv_heads * head_size(); }
  int32_t mlp_width() const { return mlp_factor * width; }
  int32_t begin_symbol() const { return vocabulary; }
  // Positions that layer `l` looks back over, its own included; in [1, context].
  int32_t window(int l) const;

  bool operator==(const ModelConfig&) const = default;
};

// Throws kUsage (`kind` tells otherwise: a file's configuration is kDamaged) unless every field is
// within its bounds and they fit together. The bounds keep every integer of the exact network
// within its type: see config.cc.
enum class ErrorKind;
void CheckConfig(const ModelConfig& config, ErrorKind kind);

// The family of docs/architecture.md at a width (a multiple of 16): heads of 32, 24 or 16, windows
// of FamilyWindows.
ModelConfig FamilyConfig(int width, int vocabulary = 256, int layers = kFamilyLayers);

// Windows of 64, but 1024 in the last layer but one (or the only one). `layers` is at least 1.
std::vector<int32_t> FamilyWindows(int layers);

// The member with heads of 24 or 32 whose parameter count comes nearest to `parameters`; more than
// 8M: of 13 layers. "3M" and "3.2M" are the same one.
ModelConfig FamilyConfigFor(int64_t parameters, int vocabulary = 256);

int64_t ParameterCount(const ModelConfig& config);

// "221,568 parameters: width 48, 7 layers, 2 heads of 24, context 2048, windows 64 64 ..."
std::string Describe(const ModelConfig& config);

}  // namespace occam

#endif  // OCCAM_MODEL_CONFIG_H_
