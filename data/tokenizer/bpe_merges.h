// The result of learning byte pairs: a list of merges, and the tokens that they make.
#ifndef OCCAM_DATA_TOKENIZER_BPE_MERGES_H_
#define OCCAM_DATA_TOKENIZER_BPE_MERGES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace occam {

constexpr int32_t kByteTokens = 256;
// No token stands for more bytes; so what tokens decode to is bounded by their number.
constexpr size_t kMaxTokenBytes = 255;
// Two numbers of 16 bits are no tokens, for those who mark places by them.
constexpr int32_t kMaxBpeVocabulary = 65534;

struct TokenPair {
  uint16_t left = 0;
  uint16_t right = 0;
  bool operator==(const TokenPair&) const = default;
};

inline uint32_t PairKey(uint32_t left, uint32_t right) { return left << 16 | right; }

// A map from keys of pairs, 32 or 64 bits, to numbers below 2^32 - 1; open addressing.
template <typename Key>
class BasicPairMap {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  explicit BasicPairMap(size_t expected = 64) {
    size_t slots = 64;
    while (slots < 4 * expected) slots *= 2;
    slots_.assign(slots, {0, kNone});
  }

  uint32_t Find(Key key) const { return slots_[SlotOf(key)].value; }
  // The value of the key, `fresh` if it had none.
  uint32_t FindOrAdd(Key key, uint32_t fresh) {
    const size_t slot = SlotOf(key);
    if (slots_[slot].value != kNone) return slots_[slot].value;
    slots_[slot] = {key, fresh};
    if (++size_ * 2 > slots_.size()) Grow();
    return fresh;
  }

 private:
  struct Slot {
    Key key;
    uint32_t value;
  };

  size_t SlotOf(Key key) const {
    const size_t mask = slots_.size() - 1;
    size_t slot = (key * 0x9e3779b97f4a7c15ull >> 32) & mask;
    while (slots_[slot].value != kNone && slots_[slot].key != key) slot = (slot + 1) & mask;
    return slot;
  }
  void Grow() {
    std::vector<Slot> old(2 * slots_.size(), Slot{0, kNone});
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.value != kNone) slots_[SlotOf(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

using PairMap = BasicPairMap<uint32_t>;

// A row of tokens over bytes, joined pair by pair in constant time. The places of a token's first
// byte and of its last hold its number, places within it kInside. `lengths` are the bytes of each
// token and must outlive it, as must `ids`.
class TokenRow {
 public:
  static constexpr uint16_t kInside = 0xffff;

  TokenRow(uint16_t* ids, size_t size, const std::vector<uint16_t>& lengths)
      : ids_(ids), size_(size), lengths_(lengths) {}

  uint16_t at(size_t place) const { return ids_[place]; }
  size_t Next(size_t place) const { return place + lengths_[ids_[place]]; }
  size_t Previous(size_t place) const { return place - lengths_[ids_[place - 1]]; }
  // Returns whether the token at `place`, where one may have begun once, and the one after it are
  // these.
  bool Holds(size_t place, TokenPair pair) const {
    if (ids_[place] != pair.left) return false;
    const size_t second = Next(place);
    return second < size_ && ids_[second] == pair.right;
  }
  // The tokens at `place` and `second`, its next, become `token`; returns where it ends.
  size_t Join(size_t place, size_t second, uint16_t token) {
    const size_t end = Next(second);
    ids_[second - 1] = kInside;
    ids_[second] = kInside;
    ids_[place] = token;
    ids_[end - 1] = token;
    return end;
  }

 private:
  uint16_t* ids_;
  size_t size_;
  const std::vector<uint16_t>& lengths_;
};

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_BPE_MERGES_H_
