// The shape of a network: every choice that docs/architecture.md names is a field here.
#ifndef OCCAM_MODEL_CONFIG_H_
#define OCCAM_MODEL_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace occam {

constexpr int kMaxLayers = 256;
constexpr int kMaxTaps = 16;      // of a convolution
constexpr int kFamilyLayers = 7;  // by rate: experiments/results/family

// Kind of a rule: what it looks at (docs/spec/memory.md, section 2). The numbers stand in files.
enum class RuleKind : uint8_t {
  kSymbols = 1,  // the last `count` symbols
  kWords = 2,    // all symbols since the `count`-th last word began
};
constexpr int kMaxRules = 16;
constexpr int kMaxRuleSymbols = 8;
constexpr int kMaxRuleWords = 3;
constexpr int kLeastTableBits = 4;
constexpr int kMostTableBits = 22;
constexpr int kMaxMemoryWidth = 64;

// A rule chooses one row of its table by the symbols before.
struct RowRule {
  RuleKind kind = RuleKind::kSymbols;
  uint8_t count = 1;
  uint8_t bits = 15;  // the table has 2^bits rows, and one more for contexts that are too short

  int64_t rows() const { return (int64_t{1} << bits) + 1; }
  std::string name() const;  // "h5", "v1"
  bool operator==(const RowRule&) const = default;
};

// Rule of signals (docs/spec/signals.md, section 2). It tells of the byte to come its place in a
// record, its prediction, or how far from this a neighbour or another prediction is; or the kind of
// its context. The numbers stand in files.
enum class SignalRule : uint8_t {
  kColumn = 1,
  kRow,
  kPrediction,
  kWest,
  kNorth,
  kNorthEast,
  kNorthWest,
  kKind,       // of the context
  kCertainty,  // of the prediction, where a lattice makes it
  kEdge,       // the median edge prediction
};
constexpr int kSignalRules = 10;
constexpr int kCertainties = 32;
constexpr int kLatticeSide = 8;  // rows and columns of a block of a JPEG file
constexpr int kMaxQualities = 16, kMaxQuality = 100;
constexpr int kMaxKinds = 16;
constexpr int kSignalLevels = 31;  // of a difference
constexpr int kMaxRecordSide = 65536;
const char* NameOf(SignalRule rule);  // "column", "north_west"

// Shape of an imported network (docs/spec/import.md). The numbers stand in files.
enum class ImportedShape : uint32_t {
  kLlama = 1,
  kQwen3 = 2,  // Llama's, and the heads of queries and keys are normed before they turn
  kGpt2 = 3,   // biases, learned positions in the place of turning, GELU in that of a gate
};
constexpr uint32_t kImportedShapes = 3;

// Choices of an imported network, in the place of the family's (docs/spec/import.md). In its
// attention each key has a scale of its own.
struct LlamaShape {
  int32_t head_size = 0;
  int32_t mlp_width = 0;
  int32_t begin_token = 0;  // the input at position 0
  // The last `escapes` symbols stand for bytes that no token has. They share the row of
  // escape_token, and its probability.
  int32_t escape_token = 0;
  int32_t escapes = 0;
  bool tied_head = false;  // the head is the embedding
  float epsilon = 0;       // added to the mean square in norms
  // [head_size / 2], in 2^-32 of a circle a position; none in kGpt2
  std::vector<uint32_t> rotary_steps;
  ImportedShape kind = ImportedShape::kLlama;
  bool fine = false;  // matrices have a rest, and what they meet has two planes: some 15 bits

  bool has_head_norms() const { return kind == ImportedShape::kQwen3; }
  bool has_gate() const { return kind != ImportedShape::kGpt2; }
  bool has_biases() const { return kind == ImportedShape::kGpt2; }
  bool turns() const { return kind != ImportedShape::kGpt2; }
  bool has_positions() const { return kind == ImportedShape::kGpt2; }

  bool operator==(const LlamaShape&) const = default;
};
constexpr int kMaxEscapes = 256;
constexpr int32_t kMaxVocabulary = 65536;            // of the family
constexpr int32_t kMaxImportedVocabulary = 1 << 18;  // escapes included
constexpr int kMaxLlamaContext = 4096;  // sums of 12-bit weights times values stay in 32 bits

constexpr int kMemoryWidth = 16;  // by rate at equal coded bytes: experiments/results/memory
constexpr int kNoGate = -1;

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

  // The memory: a table of rows for each rule, whose chosen rows, side by side, are projected and
  // added to the embedding. None: no memory, and the fields below keep their defaults.
  std::vector<RowRule> memory_rules = {};
  int32_t memory_width = kMemoryWidth;  // numbers in a row
  // Block, not the first one, before which the rows are added once more, each times a gate that the
  // hidden state sets.
  int32_t memory_gate = kNoGate;

  // Signals: rules that each add a row to the embedding, chosen by what is known of the byte to
  // come. The context's bytes are records of so many columns and rows, one after the other.
  std::vector<SignalRule> signal_rules = {};
  int32_t record_width = 0, record_height = 0;  // 0 without signals
  bool residual = false;  // a symbol is the byte less its prediction, modulo 256
  // Qualities of the JPEG files that photographs may have been, the likeliest first; none: the
  // prediction is the median edge's (docs/spec/lattice.md).
  std::vector<int32_t> lattice_qualities = {};
  // Kinds of contexts, and whether those of each have signals; none: all contexts have them.
  // Whoever uses the network tells a context's kind.
  std::vector<uint8_t> kinds = {};

  std::optional<LlamaShape> llama = {};  // of an imported network; else nothing

  int32_t head_size() const { return llama ? llama->head_size : width / heads; }
  int32_t query_width() const { return heads * head_size(); }
  int32_t kv_width() const { return kv_heads * head_size(); }
  int32_t mlp_width() const { return llama ? llama->mlp_width : mlp_factor * width; }
  int32_t begin_symbol() const { return llama ? llama->begin_token : vocabulary; }
  // The first input of a context of this kind. It is embedded as the begin symbol.
  int32_t begin_symbol(int kind) const { return begin_symbol() + kind; }
  int32_t kind_count() const { return kinds.empty() ? 1 : static_cast<int32_t>(kinds.size()); }
  bool has_kinds() const { return !kinds.empty(); }
  bool kind_has_signals(int kind) const {
    return kinds.empty() || kinds[static_cast<size_t>(kind)] != 0;
  }
  // Rows of the embedding: symbols, and the begin symbol; or tokens.
  int32_t embedding_rows() const { return llama ? vocabulary - llama->escapes : vocabulary + 1; }
  // Positions that layer `l` looks back over, its own included; in [1, context].
  int32_t window(int l) const;
  // The most symbols before a position that the network's part of a prediction there depends on; 0
  // where it is all of them, or not known. Rules of a memory see further.
  int64_t reach() const;
  bool has_memory() const { return !memory_rules.empty(); }
  bool has_signals() const { return !signal_rules.empty() || residual; }
  bool has_lattice() const { return !lattice_qualities.empty(); }
  int32_t signal_rows(SignalRule rule) const;  // of its table
  bool has_gate() const { return memory_gate != kNoGate; }
  int32_t memory_columns() const {  // of the chosen rows, side by side
    return static_cast<int32_t>(memory_rules.size()) * memory_width;
  }
  int64_t memory_rows() const;  // of all tables

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

// Numbers that training learns, the memory's rows among them.
int64_t ParameterCount(const ModelConfig& config);

// Gives `config` a memory of a named size: "none", or tables of 2^13, 2^15, 2^16 or 2^17 rows for
// "tiny", "small", "medium" or "large", with the gate before the middle block. Throws kUsage for
// another name. Rules, places and sizes by experiments/results/memory; where symbols stand for
// several bytes there are no rules of words.
void SetMemory(const std::string& size, ModelConfig* config);

// Gives `config` the signals of a named kind: "none"; "patches": gray records of 64 x 32 bytes,
// all rules of these, and symbols that are residuals; or "jpeg": the same with predictions by
// lattices (experiments/results/signals). Throws kUsage for another name.
void SetSignals(const std::string& signals, ModelConfig* config);
// Gives `config`, which has signals, kinds of contexts, and the rule that tells them. Those kinds
// have signals where `with_signals` is not 0.
void SetKinds(std::vector<uint8_t> with_signals, ModelConfig* config);

// "221,568 parameters: width 48, 7 layers, 2 heads of 24, context 2048, windows 64 64 ..."
std::string Describe(const ModelConfig& config);

}  // namespace occam

#endif  // OCCAM_MODEL_CONFIG_H_
