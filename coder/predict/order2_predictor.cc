#include "coder/predict/order2_predictor.h"

#include <cstddef>

namespace occam {
namespace {

// Chosen on Wikipedia text and the Canterbury corpus: few observations are enough to trust two
// bytes of the past, and data changes.
constexpr std::array<uint32_t, 3> kLimits = {255, 60, 30};
constexpr int32_t kInitialWeight = 22000;  // out of 65536; a third each

// How much a cell has seen chooses the set of weights.
int Confidence(uint32_t cell) {
  const uint32_t count = WideCell::Count(cell);
  return count == 0 ? 0 : count < 3 ? 1 : count < 12 ? 2 : 3;
}

}  // namespace

void Order2Predictor::StartSegment(int lanes) {
  order0_.assign(256, WideCell::kFresh);
  order1_.assign(256 * 256, WideCell::kFresh);
  order2_.assign(size_t{1} << kSlotBits, Slot{});
  weights_.assign(4 * 256, Mixed::Weights{kInitialWeight, kInitialWeight, kInitialWeight});
  pasts_.assign(static_cast<size_t>(lanes), 0);
}

Order2Predictor::Slot* Order2Predictor::FindSlot(uint32_t context) {
  const uint32_t hash = context * 0x9e3779b1u;
  Slot* slot = &order2_[hash >> (32 - kSlotBits)];
  if (slot->cells[0] != context) {
    slot->cells.fill(WideCell::kFresh);
    slot->cells[0] = context;
  }
  return slot;
}

template <typename Choose>
SymbolInterval Order2Predictor::Code(uint32_t past, Choose choose) {
  SymbolInterval interval{0, kFrequencyTotal};
  uint32_t* const cells1 = &order1_[(past & 0xff) * 256];
  Slot* slot = nullptr;
  uint32_t node = 1;  // a one, then the bits of this byte so far
  for (uint32_t leaves = 256; leaves > 1; leaves /= 2) {
    if (leaves == 256) slot = FindSlot((1u << 24) | (past & 0xffff));
    if (leaves == 16) slot = FindSlot((node << 25) | (past & 0xffff));  // node is 16 to 31
    const uint32_t half = leaves > 16 ? 1 : 16 / leaves;
    const uint32_t half_node = leaves > 16 ? node : half | (node & (half - 1));
    uint32_t* const cell2 = &slot->cells[half_node];
    Mixed mixed({&order0_[node], &cells1[node], cell2},
                &weights_[static_cast<size_t>(Confidence(*cell2)) * 256 + node]);

    const uint32_t split = SplitOf(interval.size, leaves, mixed.probability());
    const bool bit = choose(interval.start + split);
    if (bit) interval.start += split;
    interval.size = bit ? interval.size - split : split;

    mixed.Update(bit, kLimits);
    node = node * 2 + (bit ? 1 : 0);
  }
  return interval;
}

void Order2Predictor::Score(std::span<const std::span<const int32_t>> lanes,
                            std::span<const std::span<SymbolInterval>> intervals) {
  size_t active = lanes.size();
  for (size_t step = 0;; ++step) {
    while (active > 0 && lanes[active - 1].size() <= step) --active;
    if (active == 0) return;
    for (size_t lane = 0; lane < active; ++lane) {
      const auto symbol = static_cast<uint32_t>(lanes[lane][step]);
      int shift = 8;
      intervals[lane][step] =
          Code(pasts_[lane], [&](uint32_t) { return (symbol >> --shift & 1) != 0; });
      pasts_[lane] = (pasts_[lane] << 8) | symbol;
    }
  }
}

void Order2Predictor::Decode(RangeDecoder& decoder, std::span<int32_t> symbols) {
  for (size_t lane = 0; lane < symbols.size(); ++lane) {
    const uint32_t target = decoder.Target();
    uint32_t symbol = 0;
    decoder.Advance(Code(pasts_[lane], [&](uint32_t split) {
      symbol = symbol * 2 + (target >= split ? 1 : 0);
      return target >= split;
    }));
    symbols[lane] = static_cast<int32_t>(symbol);
    pasts_[lane] = (pasts_[lane] << 8) | symbol;
  }
}

}  // namespace occam
