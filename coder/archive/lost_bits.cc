#include "coder/archive/lost_bits.h"

#include <array>
#include <cstddef>
#include <vector>

#include "coder/entropy/bit_coder.h"
#include "coder/entropy/bit_model.h"

namespace occam {
namespace {

// Next to nothing is 2 * 10^-5 bits.
constexpr int32_t kLeastProbability = 1;
constexpr int kSymbolBits = 7;
constexpr int kHashBits = 16;

class LostBitModel {
 public:
  LostBitModel()
      : cells_{std::vector<uint32_t>(size_t{1} << (3 + kSymbolBits), WideCell::kFresh),
               std::vector<uint32_t>(size_t{1} << (1 + 2 * kSymbolBits), WideCell::kFresh),
               std::vector<uint32_t>(size_t{1} << (1 + 2 * kSymbolBits), WideCell::kFresh),
               std::vector<uint32_t>(size_t{1} << kHashBits, WideCell::kFresh)} {
    weights_.fill({16384, 16384, 16384, 16384});
  }

  // Codes the bit between what came before it and what comes after.
  template <typename Coder>
  bool Code(uint32_t before, uint32_t symbol, uint32_t after, bool known, Coder* coder) {
    const uint32_t all = (past_ & 3) << 21 | before << 14 | symbol << 7 | after;
    Mixed mixed(
        {&cells_[0][past_ << 7 | symbol], &cells_[1][(past_ & 1) << 14 | symbol << 7 | after],
         &cells_[2][(past_ & 1) << 14 | before << 7 | symbol],
         &cells_[3][all * 0x9e3779b1u >> (32 - kHashBits)]},
        &weights_[past_ & 3]);
    const bool bit = coder->Bit(known, mixed.probability());
    mixed.Update(bit, {kCountLimit, kCountLimit, kCountLimit, kCountLimit});
    past_ = (past_ << 1 | (bit ? 1u : 0u)) & 7;
    return bit;
  }

 private:
  using Mixed = MixedBit<4>;

  std::array<std::vector<uint32_t>, 4> cells_;
  std::array<Mixed::Weights, 4> weights_;
  uint32_t past_ = 0;  // the three bits before, the last one lowest
};

// Reads `lost`, or fills it where the coder decodes.
template <typename Coder>
void Walk(std::span<const int32_t> symbols, std::span<uint8_t> lost, Coder coder) {
  LostBitModel model;
  const auto at = [&](size_t i) {
    return i < symbols.size() ? static_cast<uint32_t>(symbols[i]) & 127 : 0;
  };
  uint32_t before = 0;
  for (size_t i = 0; i < symbols.size(); ++i) {
    const size_t shift = 7 - i % 8;
    const bool known = (lost[i / 8] >> shift & 1) != 0;
    const bool bit = model.Code(before, at(i), at(i + 1), known, &coder);
    lost[i / 8] = static_cast<uint8_t>(lost[i / 8] | (bit ? 1 : 0) << shift);
    before = at(i);
  }
}

}  // namespace

void EncodeLostBits(std::span<const int32_t> symbols, std::span<const uint8_t> lost,
                    RangeEncoder* encoder) {
  Bytes walked(lost.begin(), lost.end());
  Walk(symbols, walked, BitEncoder(encoder, kLeastProbability));
}

Bytes DecodeLostBits(std::span<const int32_t> symbols, RangeDecoder* decoder) {
  Bytes lost((symbols.size() + 7) / 8);
  Walk(symbols, lost, BitDecoder(decoder, kLeastProbability));
  return lost;
}

}  // namespace occam
