#include "model/config.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

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

// Bits of a table by the name of a memory's size.
struct MemorySize {
  const char* name;
  uint8_t bits;
};
constexpr MemorySize kMemorySizes[] = {{"tiny", 13}, {"small", 15}, {"medium", 16}, {"large", 17}};

// Of the paper's photographs (docs/guide.md).
constexpr int32_t kPatchWidth = 64;
constexpr int32_t kPatchHeight = 32;

// Bounds what a small damaged file can ask for; rows are numbered by 32-bit integers.
constexpr int64_t kMostMemoryNumbers = int64_t{1} << 28;

void CheckMemory(const ModelConfig& c, const auto& require) {
  if (!c.has_memory()) {
    require(c.memory_width == kMemoryWidth && !c.has_gate(), "there is no memory to describe");
    return;
  }
  require(c.memory_rules.size() <= kMaxRules, "a memory has at most 16 rules");
  for (const RowRule& rule : c.memory_rules) {
    const bool words = rule.kind == RuleKind::kWords;
    require(words || rule.kind == RuleKind::kSymbols, "a rule of the memory is of no known kind");
    require(rule.count >= 1 && rule.count <= (words ? kMaxRuleWords : kMaxRuleSymbols),
            "a rule of the memory looks at 1..8 symbols or 1..3 words");
    require(rule.bits >= kLeastTableBits && rule.bits <= kMostTableBits,
            "tables of the memory must have 4..22 bits");
    require(std::ranges::count_if(c.memory_rules,
                                  [&](const RowRule& other) {
                                    return other.kind == rule.kind && other.count == rule.count;
                                  }) == 1,
            "no two rules of the memory may be the same");
  }
  require(c.memory_width >= 8 && c.memory_width <= kMaxMemoryWidth && c.memory_width % 8 == 0,
          "memory_width must be a multiple of 8 in 8..64");
  require(c.memory_gate == kNoGate || (c.memory_gate >= 1 && c.memory_gate < c.layers),
          "memory_gate must be a block after the first one, or -1");
  require(c.memory_rows() * c.memory_width <= kMostMemoryNumbers,
          "the memory has more than 2^28 numbers");
}

void CheckSignals(const ModelConfig& c, const auto& require) {
  if (!c.has_signals()) {
    require(c.record_width == 0 && c.record_height == 0 && c.kinds.empty() && !c.has_lattice(),
            "there are no signals to describe");
    return;
  }
  require(c.vocabulary == 256, "signals are of bytes: the vocabulary must be 256");
  for (const int32_t side : {c.record_width, c.record_height})
    require(side >= 1 && side <= kMaxRecordSide, "a record has 1..65536 columns and rows");
  for (const SignalRule rule : c.signal_rules) {
    const auto number = static_cast<int>(rule);
    require(number >= 1 && number <= kSignalRules, "a rule of signals is not known");
    require(std::ranges::count(c.signal_rules, rule) == 1,
            "no two rules of signals may be the same");
    require(rule != SignalRule::kKind || !c.kinds.empty(), "a rule tells kinds, of which are none");
    require((rule != SignalRule::kCertainty && rule != SignalRule::kEdge) || c.has_lattice(),
            "a rule tells of a lattice, of which are none");
  }
  if (c.has_lattice()) {
    require(c.record_width % kLatticeSide == 0 && c.record_height % kLatticeSide == 0,
            "records that lie on a lattice have a multiple of 8 columns and rows");
    require(c.lattice_qualities.size() <= kMaxQualities, "there are at most 16 lattices");
    for (const int32_t quality : c.lattice_qualities) {
      require(quality >= 1 && quality <= kMaxQuality, "a quality is 1..100");
      require(std::ranges::count(c.lattice_qualities, quality) == 1,
              "no two lattices may be the same");
    }
  }
  if (c.kinds.empty()) return;
  require(c.kinds.size() >= 2 && c.kinds.size() <= kMaxKinds, "there must be 2..16 kinds");
  require(std::ranges::all_of(c.kinds, [](uint8_t has) { return has <= 1; }) &&
              std::ranges::count(c.kinds, 1) > 0,
          "each kind has signals or not, and one of them has");
}

void CheckLlama(const ModelConfig& c, const auto& require) {
  const LlamaShape& shape = *c.llama;
  require(!c.has_memory() && !c.has_signals() && c.conv_width == 0 && c.mlp_factor == 1,
          "an imported network has no memory, no signals and no convolutions");
  require(c.heads >= 1 && c.heads <= 4096 && c.query_width() <= 65536,
          "the heads must be at most 65536 wide together");
  require(shape.mlp_width >= 8 && shape.mlp_width <= 65536 && shape.mlp_width % 8 == 0,
          "the MLP width must be a multiple of 8 in 8..65536");
  require(c.context <= kMaxLlamaContext, "the context of an imported network is at most 4096");
  require(shape.escapes >= 0 && shape.escapes <= kMaxEscapes && shape.escapes < c.vocabulary,
          "there must be 0..256 escapes, fewer than symbols");
  const auto is_token = [&](int32_t token) { return token >= 0 && token < c.embedding_rows(); };
  require(is_token(shape.begin_token) && is_token(shape.escape_token),
          "the begin and the escape must be tokens");
  require(shape.escapes > 0 || shape.escape_token == 0, "there are no escapes to describe");
  require(shape.epsilon >= 0x1p-60f && shape.epsilon <= 1.0f,
          "the epsilon of norms must be in 2^-60..1");
  const auto number = static_cast<uint32_t>(shape.kind);
  require(number >= 1 && number <= kImportedShapes,
          "the shape of an imported network is not known");
  require(
      shape.rotary_steps.size() == (shape.turns() ? static_cast<size_t>(shape.head_size) / 2 : 0),
      "there must be one rotary step for each pair of a head that turns");
}

std::string DescribeSignals(const ModelConfig& c) {
  if (!c.has_signals()) return "";
  std::string text = fmt::format(", records of {} x {}", c.record_width, c.record_height);
  for (size_t i = 0; i < c.signal_rules.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? ", rules " : " ", NameOf(c.signal_rules[i]));
  if (c.residual) text += ", residuals";
  for (size_t i = 0; i < c.lattice_qualities.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? ", qualities " : " ", c.lattice_qualities[i]);
  for (size_t i = 0; i < c.kinds.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? ", kinds " : " ", i);
    if (c.kinds[i] != 0) text += " with signals";
  }
  return text;
}

std::string DescribeMemory(const ModelConfig& c) {
  if (!c.has_memory()) return "";
  std::string text = ", memory";
  for (const RowRule& rule : c.memory_rules) text += fmt::format(" {}/{}", rule.name(), rule.bits);
  text += fmt::format(" of rows of {}", c.memory_width);
  return c.has_gate() ? text + fmt::format(", gated before block {}", c.memory_gate) : text;
}

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

int64_t ModelConfig::reach() const {
  if (llama || has_signals()) return 0;
  int64_t sum = 0;
  for (int32_t l = 0; l < layers; ++l) {
    // The still pairs of the oldest key are of the position before it.
    const int64_t attended = window(l);
    sum += attended + 2 * std::max(conv_width - 1, 0);
  }
  return sum;
}

int64_t ModelConfig::memory_rows() const {
  int64_t rows = 0;
  for (const RowRule& rule : memory_rules) rows += rule.rows();
  return rows;
}

int32_t ModelConfig::signal_rows(SignalRule rule) const {
  return rule == SignalRule::kColumn       ? record_width
         : rule == SignalRule::kRow        ? record_height
         : rule == SignalRule::kPrediction ? 256
         : rule == SignalRule::kKind       ? kind_count()
         : rule == SignalRule::kCertainty  ? kCertainties
                                           : kSignalLevels;
}

const char* NameOf(SignalRule rule) {
  constexpr const char* kNames[] = {"column",     "row",        "prediction", "west",      "north",
                                    "north_east", "north_west", "kind",       "certainty", "edge"};
  static_assert(std::size(kNames) == kSignalRules);
  return kNames[static_cast<size_t>(rule) - 1];
}

std::string RowRule::name() const {
  return fmt::format("{}{}", kind == RuleKind::kWords ? 'v' : 'h', count);
}

void CheckConfig(const ModelConfig& c, ErrorKind kind) {
  const auto require = [&](bool holds, const char* what) {
    if (!holds) throw Error(kind, fmt::format("the model's configuration is wrong: {}", what));
  };
  // Bounds that the integers of the exact network need: sums of int8 products over mlp_width
  // columns, of p * v over context positions (255 * 63 * 2^16 < 2^31) and of 16-bit terms; 2^24
  // frequencies shared by the vocabulary.
  require(c.vocabulary >= 2 && c.vocabulary <= (c.llama ? kMaxImportedVocabulary : kMaxVocabulary),
          "vocabulary must be in 2..65536, or in 2..262144 of an imported network");
  require(c.width >= 8 && c.width <= 4096 && c.width % 8 == 0,
          "width must be a multiple of 8 in 8..4096");
  require(c.layers >= 1 && c.layers <= kMaxLayers, "layers must be in 1..256");
  require(c.heads >= 1 && (c.llama || c.width % c.heads == 0), "heads must divide the width");
  require(c.head_size() >= 8 && c.head_size() % 8 == 0 && c.head_size() <= 256,
          "the head size must be a multiple of 8, at most 256");
  require(c.kv_heads >= 1 && c.heads % c.kv_heads == 0, "kv_heads must divide heads");
  require(c.mlp_factor >= 1 && c.mlp_factor <= 16, "mlp_factor must be in 1..16");
  require(c.conv_width >= 0 && c.conv_width <= kMaxTaps, "conv_width must be in 0..16");
  require(c.context >= 1 && c.context <= 65536, "context must be in 1..65536");
  require(c.windows.size() == static_cast<size_t>(c.layers), "there must be one window a layer");
  for (const int32_t w : c.windows) require(w >= 0 && w <= 65536, "windows must be in 0..65536");
  CheckMemory(c, require);
  CheckSignals(c, require);
  if (c.llama) CheckLlama(c, require);
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

void SetMemory(const std::string& size, ModelConfig* config) {
  config->memory_rules.clear();
  config->memory_width = kMemoryWidth;
  config->memory_gate = kNoGate;
  if (size == "none") return;
  const auto* const known = std::ranges::find(kMemorySizes, size, &MemorySize::name);
  if (known == std::end(kMemorySizes)) {
    throw UsageError(fmt::format("a memory is none, tiny, small, medium or large, not '{}'", size));
  }
  for (const uint8_t count : {2, 3, 4, 5, 6})
    config->memory_rules.push_back({RuleKind::kSymbols, count, known->bits});
  if (config->vocabulary <= 256) {
    for (const uint8_t count : {1, 2})
      config->memory_rules.push_back({RuleKind::kWords, count, known->bits});
  }
  if (config->layers > 1) config->memory_gate = config->layers / 2;
}

void SetSignals(const std::string& signals, ModelConfig* config) {
  config->signal_rules.clear();
  config->record_width = config->record_height = 0;
  config->residual = false;
  config->lattice_qualities.clear();
  config->kinds.clear();
  if (signals == "none") return;
  if (signals != "patches" && signals != "jpeg")
    throw UsageError(fmt::format("signals are none, patches or jpeg, not '{}'", signals));
  for (int rule = 1; rule < static_cast<int>(SignalRule::kKind); ++rule)
    config->signal_rules.push_back(static_cast<SignalRule>(rule));
  config->record_width = kPatchWidth;
  config->record_height = kPatchHeight;
  config->residual = true;
  if (signals == "patches") return;
  config->signal_rules.push_back(SignalRule::kCertainty);
  config->signal_rules.push_back(SignalRule::kEdge);
  config->lattice_qualities = {96, 80, 75, 94, 90, 85};
}

void SetKinds(std::vector<uint8_t> with_signals, ModelConfig* config) {
  config->kinds = std::move(with_signals);
  config->signal_rules.push_back(SignalRule::kKind);
}

std::string Describe(const ModelConfig& config) {
  std::string windows;
  for (int l = 0; l < config.layers; ++l) windows += fmt::format(" {}", config.window(l));
  std::string count = fmt::format("{}", ParameterCount(config));
  for (size_t at = count.size(); at > 3; at -= 3) count.insert(at - 3, ",");
  return fmt::format(
      "{} parameters: width {}, {} layers, {} heads of {}{}, context {}, windows{}{}{}{}", count,
      config.width, config.layers, config.heads, config.head_size(),
      config.kv_heads == config.heads ? ""
                                      : fmt::format(" ({} for keys and values)", config.kv_heads),
      config.context, windows, DescribeMemory(config), DescribeSignals(config),
      config.llama
          ? fmt::format(", imported, {}MLP of {}, vocabulary {}",
                        config.llama->fine ? "fine, " : "", config.mlp_width(), config.vocabulary)
          : "");
}

}  // namespace occam
