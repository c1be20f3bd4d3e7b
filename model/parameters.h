// The one table of parameter tensors. Allocation, initialisation, optimizer state, checkpoint,
// quantisation and the size ledger read it; nothing else lists tensors.
#ifndef OCCAM_MODEL_PARAMETERS_H_
#define OCCAM_MODEL_PARAMETERS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/base/random.h"
#include "model/config.h"

namespace occam {

enum class Init {
  kZero,     // projections back into the residual and the head: the network starts as its embedding
  kOne,      // gains
  kUniform,  // of the spec's deviation
};

enum class UpdateRule {
  kMuon,   // hidden matrices
  kAdamW,  // everything else
};

enum class Coding {
  kRowCodes,  // int8 codes in [-63, 63] with one scale a row (docs/spec/contract.md, section 1.2)
  kFloats,    // floats rounded to 16 significant bits
};

struct ParameterSpec {
  std::string name;  // as in a checkpoint: "embedding", "layers.0.wq", ...
  int64_t rows = 0;  // matrices are [outputs, inputs], row-major; vectors have 1 row
  int64_t columns = 0;
  Init init = Init::kZero;
  float deviation = 0;  // of kUniform: 1 for the embedding, 0.5 for convolutions (so that channels
                        // see different pasts from the start: experiments/results/recipe), 0.5 /
                        // sqrt(columns) for matrices
  UpdateRule rule = UpdateRule::kAdamW;
  bool decayed = false;  // whether weight decay applies
  Coding coding = Coding::kRowCodes;
  int32_t most_code = 63;  // largest magnitude of a code; 127 in imported networks
  bool of_memory = false;  // such tensors are the last ones, and their gradients are not clipped
  bool rest = false;       // of the matrix before it: what that one's rounding has left
  int64_t offset = 0;      // of its first element in a ParameterSet
  int64_t first_row = 0;   // of kRowCodes: among the rows of all tensors that are coded so
  int64_t size() const { return rows * columns; }
};

// The tensors that a step learns as a whole; the rows of a memory, of which it touches few, are
// apart (model/memory_rows.h). They come in the order of the network: embedding, then each layer's
// gain1 conv1 wq wk wv wo gain2 conv2 wu wd, then final_gain, head. Signals add a table of each
// rule, signal_column [rows, D] and so on. Shapes: embedding [V + 1, D], gain1 [1, D], conv1
// [taps, D] with the newest tap last, wq [D, D], wk, wv [kv_width, D], wo [D, D], gain2, conv2, wu
// [mlp_width, D], wd [D, mlp_width], final_gain [1, D], head [V, D]. A memory of R rules and rows
// of m numbers adds memory_projection [D, R m], and a gate memory_gates [R, D] and memory_gated
// [D, R m].
//
// An imported network of Llama's shape has embedding [tokens, D]; each layer's gain1, wq [query
// width, D], wk, wv [kv_width, D], wo [D, query width], gain2, wg, wu [mlp_width, D], wd [D,
// mlp_width]; then final_gain, and head [tokens, D] unless it is the embedding. Qwen3's shape adds
// q_gain and k_gain [1, head size] after wv. GPT-2's has embedding_means [1, tokens] and positions
// [context, D] after the embedding, no wg, a bias after each of wv, wo, wu and wd (bq [1, query
// width], bo [1, D], bu [1, mlp_width], bd [1, D]), and head_bias [1, tokens] at the end. In a fine
// network each matrix, X, is followed by one of the same shape, X_rest.
std::vector<ParameterSpec> ParameterTable(const ModelConfig& config);

// Indices into the table by role, so that network code names tensors without searching. conv1 and
// conv2 are -1 in a network without convolutions. The rest of a matrix is the tensor after it.
struct LayerIndex {
  int gain1, conv1, wq, wk, wv, wo, gain2, conv2, wu, wd;
  // These are of imported networks, -1 where the shape has none.
  int wg = -1;
  int q_gain = -1, k_gain = -1;
  int bq = -1, bo = -1, bu = -1, bd = -1;
};
struct ParameterIndex {
  explicit ParameterIndex(const ModelConfig& config);
  int embedding;
  std::vector<LayerIndex> layers;
  int final_gain;
  int head;
  std::vector<int> signals;                                  // in the order of the rules
  int embedding_means = -1, positions = -1, head_bias = -1;  // of GPT-2's shape
  // -1 where the network has none.
  int memory_projection = -1, memory_gates = -1, memory_gated = -1;
};

// Rows of all tensors whose coding is kRowCodes.
int64_t RowCount(const std::vector<ParameterSpec>& table);

// Elements of the tensors that are not of a memory: the first ones of a ParameterSet.
int64_t BackboneSize(const std::vector<ParameterSpec>& table);

// One float for each parameter of the table, owned, in one piece: weights, gradients and optimizer
// moments are all this type.
class ParameterSet {
 public:
  explicit ParameterSet(const ModelConfig& config);  // zeros

  const std::vector<ParameterSpec>& table() const { return table_; }
  int64_t size() const { return static_cast<int64_t>(values_.size()); }
  std::span<float> values() { return values_; }
  std::span<const float> values() const { return values_; }
  std::span<float> tensor(int index) {
    const ParameterSpec& spec = table_[static_cast<size_t>(index)];
    return std::span(values_).subspan(static_cast<size_t>(spec.offset),
                                      static_cast<size_t>(spec.size()));
  }
  std::span<const float> tensor(int index) const {
    const ParameterSpec& spec = table_[static_cast<size_t>(index)];
    return std::span(values_).subspan(static_cast<size_t>(spec.offset),
                                      static_cast<size_t>(spec.size()));
  }

 private:
  std::vector<ParameterSpec> table_;
  std::vector<float> values_;
};

// Sets every tensor to its initial value; a pure function of the configuration and the seed. The
// still rows of a key head begin as those of the first query head that reads it. As keys see the
// past (model/network/rotate.h), places like the present one are found from the first step on. 200K
// parameters, 6 MB seen: 1.85 instead of 1.95 bpb, and no plateau (experiments/results/recipe).
void Initialise(const ModelConfig& config, ParameterSet* weights, uint64_t seed);

// Sets every element to a random non-zero value of a plausible size: where tests check gradients
// and codecs, since the zero-initialised tensors hide most errors.
void Randomise(ParameterSet* weights, uint64_t seed);

}  // namespace occam

#endif  // OCCAM_MODEL_PARAMETERS_H_
