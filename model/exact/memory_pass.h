// A memory's part of a pass (docs/spec/memory.md, section 3). Rows are chosen by what lanes know
// and fetched ahead, while those of the tile's other positions are chosen. Then they are added.
#ifndef OCCAM_MODEL_EXACT_MEMORY_PASS_H_
#define OCCAM_MODEL_EXACT_MEMORY_PASS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/base/aligned_array.h"
#include "model/exact/kernels.h"
#include "model/exact/prepared_network.h"
#include "model/row_rules.h"

namespace occam {

// Owns what lanes know, and room for a tile, allocated once; nothing in a network without a memory.
// One thread at a time; the network must outlive it.
class MemoryPass {
 public:
  MemoryPass(const PreparedNetwork& network, int lanes);

  // A lane's context starts afresh.
  void Clear(int lane) { pasts_[static_cast<size_t>(lane)] = KnownPast(); }
  // It goes on after these symbols.
  void Resume(int lane, const KnownPast& past) { pasts_[static_cast<size_t>(lane)] = past; }

  // Takes the input of row r of a tile, which follows what the lane had last; rows of a lane come
  // in their order. Begins to fetch the rows that the rules then choose.
  void Choose(int r, int lane, int32_t input);

  // Both are for rows [0, rows) of the tile, and x [kTileRows][RoundUp(D, kFloatPad)]; `scratch` is
  // that of LinearLayer::Apply.
  // x += the projection of the chosen rows.
  void AddToInput(int rows, float* x, std::byte* scratch);
  // x += the other projection of the same rows, each times its gate. After AddToInput.
  void AddGated(int rows, float* x, std::byte* scratch);

 private:
  // gated_ = the codes of the chosen rows, each rule's times its gate.
  void Gate(int rows);
  const int8_t* row_codes(int32_t row) const {
    return net_.model.memory.codes.data() + static_cast<ptrdiff_t>(row) * c_.memory_width;
  }

  const PreparedNetwork& net_;
  const ModelConfig& c_;
  const int tile_;  // rows of the buffers: none without a memory
  const int rules_;
  std::vector<KnownPast> pasts_;  // [lanes]
  std::vector<int32_t> chosen_;   // [tile][rules]
  // [tile] rows each.
  RowBuffer<int8_t> codes_{tile_, RoundUp(c_.memory_columns(), kCodePad)};
  RowBuffer<float> scales_{tile_, 1};
  RowBuffer<float> normed_{tile_, RoundUp(c_.width, kFloatPad)};
  RowBuffer<int8_t> normed_codes_{tile_, RoundUp(c_.width, kCodePad)};
  RowBuffer<float> gates_{tile_, RoundUp(rules_, kFloatPad)};
  RowBuffer<float> gated_{tile_, RoundUp(c_.memory_columns(), kFloatPad)};
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_MEMORY_PASS_H_
