// The signals' part of a pass (docs/spec/signals.md, section 3): rows that are added to embeddings,
// and logits of symbols that become those of bytes. Rows are found for a whole tile, and fetched
// ahead while others are added.
#ifndef OCCAM_MODEL_EXACT_SIGNAL_PASS_H_
#define OCCAM_MODEL_EXACT_SIGNAL_PASS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/base/aligned_array.h"
#include "model/exact/kernels.h"
#include "model/exact/prepared_network.h"
#include "model/signal_rules.h"

namespace occam {

// Owns what lanes know; nothing in a network without signals. One thread at a time; the network
// must outlive it.
class SignalPass {
 public:
  SignalPass(const PreparedNetwork& network, int lanes);

  // A lane's context starts afresh.
  void Clear(int lane) {
    if (!pasts_.empty()) pasts_[static_cast<size_t>(lane)].Clear();
  }

  // Takes the input of row r of a tile, a byte or the begin symbol of a kind, which follows what
  // the lane had last; rows of a lane come in their order. Finds the embedding of the symbol that
  // it is, and the rows of the byte to come.
  void Choose(int r, int lane, int32_t input);

  // x [kTileRows][RoundUp(D, kFloatPad)] = what was found for rows [0, rows), added up.
  void Embed(int rows, float* x) const;

  // Logits [256] of the symbols of row r become those of bytes.
  void MakeBytes(int r, float* logits) const;

 private:
  const PreparedNetwork& net_;
  const ModelConfig& c_;
  const size_t found_each_;           // tables: the embedding's and the rules'
  std::vector<SignalPast> pasts_;     // [lanes]
  std::vector<const float*> found_;   // [kTileRows][found_each_] rows [D]
  std::vector<int32_t> predictions_;  // [kTileRows], of the bytes to come
  std::vector<float> nothing_;        // zeros, in the place of a row where a rule chooses none
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_SIGNAL_PASS_H_
