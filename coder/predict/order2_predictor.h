// A small adaptive predictor of bytes, for data that the network does not know. It computes in
// integers alone, and so is the same on every machine.
//
// A byte is eight binary decisions, most significant bit first. Each is predicted from the bits of
// this byte before it together with 0, 1 and 2 bytes of the lane's past; the three predictions are
// mixed (bit_model.h). The decisions split [0, 2^24) eight times such that every byte keeps at
// least 1. All lanes share the tables, in the order of coding.
#ifndef OCCAM_CODER_PREDICT_ORDER2_PREDICTOR_H_
#define OCCAM_CODER_PREDICT_ORDER2_PREDICTOR_H_

#include <array>
#include <cstdint>
#include <vector>

#include "coder/entropy/bit_model.h"
#include "coder/predict/predictor.h"

namespace occam {

class Order2Predictor final : public Predictor {
 public:
  int vocabulary() const override { return 256; }
  void StartSegment(int lanes) override;
  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override;
  void Decode(RangeDecoder& decoder, std::span<int32_t> symbols) override;

 private:
  static constexpr size_t kOrders = 3;
  static constexpr int kSlotBits = 16;
  // Cells of the 15 decisions of half a byte, [1, 16); what a cell is says order2_predictor.cc.
  // Cell 0 tells which context the slot belongs to.
  struct alignas(64) Slot {
    std::array<uint32_t, 16> cells;
  };
  using Mixed = MixedBit<kOrders>;

  // One byte after the two before it (`past`, the last one lowest). choose(split) tells
  // whether the next decision is 1, which is the part of the interval from `split` on.
  template <typename Choose>
  SymbolInterval Code(uint32_t past, Choose choose);
  Slot* FindSlot(uint32_t context);

  std::vector<uint32_t> order0_;         // [256]
  std::vector<uint32_t> order1_;         // [256][256]
  std::vector<Slot> order2_;             // [2^kSlotBits], by hash
  std::vector<Mixed::Weights> weights_;  // [confidence of order 2][256]
  std::vector<uint32_t> pasts_;          // [lanes]
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_ORDER2_PREDICTOR_H_
