// The order and the predictions in which the merges of byte-pair encoding are coded; encoder and
// decoder walk the same way (coder/weights/tokenizer_codec.h).
#ifndef OCCAM_CODER_WEIGHTS_MERGE_WALK_H_
#define OCCAM_CODER_WEIGHTS_MERGE_WALK_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "coder/entropy/bit_model.h"
#include "coder/weights/known_tokens.h"
#include "data/tokenizer/bpe_merges.h"

namespace occam {

// A merge is told token by token, a token by its bytes from the first on: whether it ends here,
// and which byte is next. Bits come from the highest on, where the tokens known so far leave a
// choice. The bytes before, by which others are predicted, go on from the left token to the right
// one.
//
// Pairs that occur equally often are merged in the order of their left tokens (bpe_trainer.h), and
// so is most of a large vocabulary. So the distance of a left token from the one before is one of
// the predictions (TokenOrder).
//
// `Coder` has bool Bit(bool bit, int32_t probability), as in coder/entropy/bit_coder.h.
template <typename Coder>
class MergeWalk {
 public:
  explicit MergeWalk(Coder* coder)
      : coder_(*coder), cells_(size_t{1} << kCellBits, WideCell::kFresh), weights_(kWeightSets) {
    for (auto& weights : weights_)
      weights = {12000, 12000, 12000, 12000, 12000, 12000, /*order=*/30000};
  }

  // The merges are read, or filled if the coder decodes; they have their final number. Throws
  // kDamaged where one is decoded whose token is longer than kMaxTokenBytes. `keep_on`, which may
  // be null, is called before each.
  void Merges(std::vector<TokenPair>* merges, const std::function<void()>& keep_on = nullptr) {
    const size_t tokens = static_cast<size_t>(kByteTokens) + merges->size();
    for (auto& used : used_) used.assign(tokens, {});
    TokenOrder& order = order_.emplace(tokens);
    for (TokenPair& merge : *merges) {
      if (keep_on) keep_on();
      order.Weigh(tokens_);
      history_ = 0;
      left_ = merge.left = Token(kLeft, merge.left);
      merge.right = Token(kRight, merge.right);
      order.Count(merge.left);
      used_[kLeft][merge.left] = {used_[kLeft][merge.left].times + 1, tokens_.count()};
      used_[kRight][merge.right] = {used_[kRight][merge.right].times + 1, tokens_.count()};
      tokens_.Add(merge);
    }
  }

 private:
  enum Side : uint32_t { kLeft, kRight };
  using Range = KnownTokens::Range;
  static constexpr size_t kContexts = 6;
  using Contexts = std::array<uint64_t, kContexts>;
  using Mixed = MixedBit<kContexts + 1>;

  static constexpr int kCellBits = 20;
  static constexpr size_t kWeightSets = 2048;  // half of them for bytes, half for ends
  static constexpr uint32_t kEndNode = 0x1000;
  static constexpr int32_t kEven = 1 << 15;

  // Counts how often a token was a merge's left or right one, and the tokens there were when last.
  struct Use {
    uint32_t times = 0;
    uint32_t last = 0;
  };

  static uint64_t Bits(uint32_t x) { return static_cast<uint64_t>(std::bit_width(x)); }

  // `known` means nothing where the coder decodes.
  uint16_t Token(Side side, uint16_t known) {
    Range range{0, tokens_.count()};
    uint64_t prefix = 0xcbf29ce484222325;
    for (size_t depth = 0;; ++depth) {
      const Range ending{range.first, tokens_.EndOfShort(range, depth)};
      if (ending.size() > 0) {
        if (ending.end == range.end ||
            Ends(side, range, ending, depth, prefix, tokens_.length(known) == depth))
          return OneOf(ending, known);
        range.first = ending.end;
      }
      const uint32_t byte = NextByte(side, depth, prefix, tokens_.ByteOf(known, depth), &range);
      history_ = history_ << 8 | byte;
      prefix = (prefix ^ byte) * 0x100000001b3;
    }
  }

  // Tokens of the same bytes, of which there are hardly ever several.
  uint16_t OneOf(Range range, uint16_t known) {
    while (range.size() > 1 && !coder_.Bit(tokens_.at(range.first) == known, kEven)) ++range.first;
    return tokens_.at(range.first);
  }

  // Returns whether the token is one of `ending`, the first of those of `range`.
  bool Ends(Side side, Range range, Range ending, size_t depth, uint64_t prefix, bool known) {
    const uint16_t token = tokens_.at(ending.first);
    const uint32_t now = tokens_.count();
    const Use own = used_[side][token];
    const uint64_t times = std::min<uint64_t>(Bits(own.times), 7);
    const uint64_t others = std::min<uint64_t>(Bits(used_[1 - side][token].times), 7);
    const uint64_t age = token < kByteTokens ? 0 : 1 + Bits(now - token);
    const uint64_t since = own.times > 0 ? Bits(now - own.last) : 0;
    const uint64_t room = Bits(static_cast<uint32_t>(range.end - ending.end));
    const uint64_t deep = std::min<uint64_t>(depth, 15);
    const uint64_t where = uint64_t{side} << 60;
    const Contexts contexts = {
        where | deep,
        prefix * 2 + side,
        where | times << 16 | age << 8 | others,
        where | uint64_t{history_ & 0xff} << 16 | deep << 8 | room,
        where | (side == kRight ? tokens_.length(left_) : 0) << 16 | room << 8 | deep,
        where | times << 16 | since << 8 | room};
    const uint64_t set = 1024 + 512 * side + 64 * times + 4 * std::min<uint64_t>(room, 15) +
                         std::min<uint64_t>(depth, 3);
    return Bit(contexts, kEndNode, set, ByOrder(side, {ending.end, range.end}, ending), known);
  }

  uint32_t NextByte(Side side, size_t depth, uint64_t prefix, uint32_t known, Range* range) {
    const uint64_t start = depth == 0 ? 1 : 0;
    const uint64_t where = uint64_t{side} << 60 | start;
    const Contexts contexts = {
        where,
        prefix * 2 + side,
        where | uint64_t{history_ & 0xff} << 8,
        where | uint64_t{history_ & 0xffff} << 8,
        where | uint64_t{history_ & 0xffffff} << 8,
        side == kRight ? prefix << 16 | left_ : uint64_t{depth} << 8 | Bits(tokens_.count())};
    uint32_t node = 1;
    for (int i = 7; i >= 0; --i) {
      const uint32_t upper = ((node * 2 + 1) << i) & 0xff;  // the least byte with a 1 here
      const size_t middle = tokens_.FirstFrom(*range, depth, upper);
      const Range zero{range->first, middle};
      const Range one{middle, range->end};
      bool bit = zero.size() == 0;
      if (zero.size() > 0 && one.size() > 0) {
        const uint64_t set = 512 * side + 64 * std::min<uint64_t>(Seen(1, contexts, node), 7) +
                             16 * std::min<uint64_t>(Seen(4, contexts, node), 3) +
                             4 * std::min<uint64_t>(depth, 3);
        bit = Bit(contexts, node, set, ByOrder(side, zero, one), (known >> i & 1) != 0);
      }
      *range = bit ? one : zero;
      node = node * 2 + (bit ? 1 : 0);
    }
    return node & 0xff;
  }

  // The probability that a left token is in `one` rather than in `zero`, by the order.
  uint32_t ByOrder(Side side, Range zero, Range one) const {
    if (side == kRight) return kEven;
    const uint64_t weight = order_->Sum(one);
    const uint64_t share = weight * 65536 / (weight + order_->Sum(zero));
    return static_cast<uint32_t>(std::clamp<uint64_t>(share, 16, 65536 - 16));
  }

  uint32_t* Cell(size_t i, const Contexts& contexts, uint32_t node) {
    uint64_t hash = (contexts[i] * 8 + i) * 0x9e3779b97f4a7c15;
    hash = ((hash ^ hash >> 29) + node) * 0xbf58476d1ce4e5b9;
    return &cells_[hash >> (64 - kCellBits)];
  }
  uint64_t Seen(size_t i, const Contexts& contexts, uint32_t node) {
    return Bits(WideCell::Count(*Cell(i, contexts, node)));
  }

  bool Bit(const Contexts& contexts, uint32_t node, uint64_t set, uint32_t by_order, bool known) {
    uint32_t order = by_order << 16;  // a cell that nothing keeps
    typename Mixed::Cells cells;
    for (size_t i = 0; i < kContexts; ++i) cells[i] = Cell(i, contexts, node);
    cells[kContexts] = &order;
    Mixed mixed(cells, &weights_[set]);
    const bool bit = coder_.Bit(known, mixed.probability());
    mixed.Update(bit, {60, 255, 255, 255, 60, 255, 255});
    return bit;
  }

  Coder& coder_;
  std::vector<uint32_t> cells_;
  std::vector<typename Mixed::Weights> weights_;
  KnownTokens tokens_;
  std::optional<TokenOrder> order_;       // made when the number of tokens is known
  std::array<std::vector<Use>, 2> used_;  // by side and token
  uint16_t left_ = 0;                     // of the merge at hand
  uint32_t history_ = 0;                  // its last bytes so far, the last one lowest
};

}  // namespace occam

#endif  // OCCAM_CODER_WEIGHTS_MERGE_WALK_H_
