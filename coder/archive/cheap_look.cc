#include "coder/archive/cheap_look.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace occam {
namespace {

constexpr size_t kKeyBytes = 8;
constexpr size_t kRepeatedBytes = 32;
constexpr size_t kAnchorEvery = 16;

uint64_t KeyAt(const uint8_t* bytes) {
  uint64_t key = 0;
  std::memcpy(&key, bytes, kKeyBytes);
  return key;
}

// The last place of each key; open addressing.
class LastPlaces {
 public:
  explicit LastPlaces(size_t most)
      : bits_(std::bit_width(2 * most)), places_(size_t{1} << bits_, kNone) {}

  static constexpr uint32_t kNone = ~uint32_t{0};

  // The slot of the key at `key`, which says its place in `bytes` or kNone.
  uint32_t& Find(const uint8_t* bytes, uint64_t key) {
    const size_t mask = places_.size() - 1;
    size_t slot = key * 0x9e3779b97f4a7c15 >> (64 - bits_);
    while (places_[slot] != kNone && KeyAt(bytes + places_[slot]) != key) slot = (slot + 1) & mask;
    return places_[slot];
  }

 private:
  int bits_;
  std::vector<uint32_t> places_;
};

}  // namespace

Evenness EvennessOf(std::span<const uint8_t> bytes) {
  constexpr size_t kLeast = 4096;
  if (bytes.size() < kLeast) return Evenness::kUneven;
  std::array<uint64_t, 256> counts{};
  for (const uint8_t byte : bytes) ++counts[byte];
  uint64_t squares = 0;
  for (const uint64_t count : counts) squares += count * count;
  const uint64_t size = bytes.size();
  // Of noise 256 squares - size^2 is 255 size on average, and 23 size its standard deviation.
  if (256 * squares <= size * size + size * size / 1024 + 512 * size) return Evenness::kEven;
  return 256 * squares <= 3 * size * size ? Evenness::kFlat : Evenness::kUneven;
}

bool HasLongRepetition(std::span<const uint8_t> bytes) {
  if (bytes.size() < kRepeatedBytes) return false;
  LastPlaces places(bytes.size() / kAnchorEvery + 1);
  const uint8_t* const data = bytes.data();
  for (size_t i = 0; i + kRepeatedBytes <= bytes.size(); ++i) {
    uint32_t& place = places.Find(data, KeyAt(data + i));
    if (place != LastPlaces::kNone && std::memcmp(data + place, data + i, kRepeatedBytes) == 0)
      return true;
    if (i % kAnchorEvery == 0) place = static_cast<uint32_t>(i);
  }
  return false;
}

uint64_t RepeatedBytes(std::span<const uint8_t> bytes) {
  constexpr size_t kPeriod = 4;
  uint64_t repeated = 0;
  LastPlaces places(bytes.size() / kAnchorEvery + 1);
  const uint8_t* const data = bytes.data();
  size_t end = 0;  // of the string that was counted last
  for (size_t i = 0; i + kRepeatedBytes <= bytes.size(); i += 2) {
    uint32_t& place = places.Find(data, KeyAt(data + i));
    if (i >= end && place != LastPlaces::kNone &&
        std::memcmp(data + place, data + i, kRepeatedBytes) == 0 &&
        std::memcmp(data + i, data + i + kPeriod, kRepeatedBytes - kPeriod) != 0) {
      end = i + kRepeatedBytes;
      while (end < bytes.size() && data[end] == data[place + end - i]) ++end;
      repeated += end - i;
    }
    if (i % kAnchorEvery == 0) place = static_cast<uint32_t>(i);
  }
  return repeated;
}

SamplePieces SampleOf(uint32_t symbols, uint32_t context, uint32_t lanes) {
  constexpr uint32_t kPieceSymbols = 1024;
  constexpr uint32_t kSymbolsOfPiece = 1 << 16;  // that a piece stands for
  SamplePieces sample;
  sample.size = std::min({kPieceSymbols, context, symbols});
  const uint32_t count = std::clamp(symbols / kSymbolsOfPiece, 1u, lanes);
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t middle = uint64_t{symbols - sample.size} * (2 * i + 1) / (2 * count);
    // Where records begin, if they are as long as contexts.
    sample.begins.push_back(static_cast<uint32_t>(middle / context * context));
  }
  return sample;
}

}  // namespace occam
