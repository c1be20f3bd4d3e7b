#include "coder/entropy/range_decoder.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace occam {
namespace {

constexpr size_t kBlock = 16;

}  // namespace

RangeDecoder::RangeDecoder(std::span<const uint8_t> payload) : payload_(payload) {
  for (; position_ < 8; ++position_)
    window_ = (window_ << 8) | (position_ < payload_.size() ? payload_[position_] : 0);
}

void RangeDecoder::Shift() {
  for (int i = 0; i < 2; ++i, ++position_)
    window_ = (window_ << 8) | (position_ < payload_.size() ? payload_[position_] : 0);
  low_ <<= 16;
  range_ <<= 16;
}

int32_t RangeDecoder::DecodeSymbol(std::span<const uint32_t> frequencies) {
  const uint32_t target = Target();
  uint32_t start = 0;
  size_t symbol = 0;
  // Whole blocks have a fixed length, so that the compiler sums them in vectors.
  for (; symbol + kBlock <= frequencies.size(); symbol += kBlock) {
    const auto block = frequencies.subspan(symbol).first<kBlock>();
    const uint32_t sum = std::accumulate(block.begin(), block.end(), 0u);
    if (target - start < sum) break;
    start += sum;
  }
  for (; symbol < frequencies.size(); ++symbol) {
    const uint32_t size = frequencies[symbol];
    if (target - start < size) {
      Advance({start, size});
      return static_cast<int32_t>(symbol);
    }
    start += size;
  }
  throw InternalError("a predictor's frequencies do not sum to 2^24");
}

bool RangeDecoder::ConsumedExactly() const {
  const StreamEnd end = ShortestEnd(low_, range_);
  const size_t written = position_ - 8 + static_cast<size_t>(end.bytes);
  return window_ == end.window && payload_.size() <= written &&
         (payload_.empty() || payload_.back() != 0);
}

}  // namespace occam
