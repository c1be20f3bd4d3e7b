#include "data/tokenizer/bpe_tokenizer.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "data/base/error.h"

namespace occam {
namespace {

class BitWriter {
 public:
  explicit BitWriter(Bytes* out) : out_(*out) {}
  void Put(uint32_t value, int bits) {
    while (bits-- > 0) {
      if (used_ == 0) out_.push_back(0);
      out_.back() = static_cast<uint8_t>(out_.back() | (value >> bits & 1) << used_);
      used_ = (used_ + 1) % 8;
    }
  }

 private:
  Bytes& out_;
  int used_ = 0;  // bits of the last byte
};

class BitReader {
 public:
  explicit BitReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  // Zeros after the end.
  uint32_t Get(int bits) {
    uint32_t value = 0;
    for (; bits > 0; --bits, ++position_) {
      const size_t byte = position_ / 8;
      const uint32_t bit = byte < bytes_.size() ? bytes_[byte] >> (position_ % 8) & 1 : 0;
      value = value * 2 + bit;
    }
    return value;
  }
  // Whether all of the bytes were read, but for zeros in the last.
  bool ConsumedExactly() {
    if ((position_ + 7) / 8 != bytes_.size()) return false;
    return position_ % 8 == 0 || Get(8 - static_cast<int>(position_ % 8)) == 0;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;  // in bits
};

// A number below `choices`, at least 1.
void PutChoice(uint32_t value, uint32_t choices, BitWriter* out) {
  const int bits = std::bit_width(choices) - 1;
  const uint32_t short_ones = (2u << bits) - choices;
  if (value < short_ones) {
    out->Put(value, bits);
  } else {
    out->Put(value + short_ones, bits + 1);
  }
}

uint32_t GetChoice(uint32_t choices, BitReader* in) {
  const int bits = std::bit_width(choices) - 1;
  const uint32_t short_ones = (2u << bits) - choices;
  const uint32_t value = in->Get(bits);
  return value < short_ones ? value : value * 2 + in->Get(1) - short_ones;
}

}  // namespace

BpeTokenizer::BpeTokenizer(std::vector<TokenPair> merges, PieceRule rule)
    : rule_(rule), merges_(std::move(merges)), ranks_(merges_.size()) {
  if (merges_.size() > static_cast<size_t>(kMaxBpeVocabulary - kByteTokens))
    throw UsageError("a tokenizer of " + std::to_string(merges_.size()) + " merges is too large");
  for (int i = 0; i < kByteTokens; ++i) {
    starts_.push_back(static_cast<uint32_t>(i));
    lengths_.push_back(1);
    text_.push_back(static_cast<uint8_t>(i));
  }
  for (uint32_t rank = 0; rank < merges_.size(); ++rank) {
    const auto [left, right] = merges_[rank];
    const auto known = starts_.size();
    if (left >= known || right >= known ||
        lengths_[left] + size_t{lengths_[right]} > kMaxTokenBytes ||
        ranks_.FindOrAdd(PairKey(left, right), rank) != rank) {
      throw UsageError("merge " + std::to_string(rank) + ", of tokens " + std::to_string(left) +
                       " and " + std::to_string(right) + ", is impossible");
    }
    starts_.push_back(static_cast<uint32_t>(text_.size()));
    lengths_.push_back(static_cast<uint16_t>(lengths_[left] + lengths_[right]));
    for (const uint16_t part : {left, right}) {
      for (size_t k = 0; k < lengths_[part]; ++k) text_.push_back(text_[starts_[part] + k]);
    }
  }
}

std::string BpeTokenizer::name() const {
  return (rule_ == PieceRule::kWords ? "bpe:" : "bpe-plain:") + std::to_string(vocabulary());
}

// Merges the pieces of one block at a time. A merge makes pairs of its own token alone, which later
// merges name: so the merges are made one after the other, each at the places that are waiting for
// it, which come in the order of the text.
class BpeTokenizer::Encoder {
 public:
  explicit Encoder(const BpeTokenizer& tokenizer)
      : tokenizer_(tokenizer),
        ids_(kMaxPieceBytes),
        cut_before_(kMaxPieceBytes + 1),
        waiting_(tokenizer.merges_.size()) {}

  // Some pieces from the start of `bytes`, as many as fit; returns how many bytes they are.
  size_t EncodeBlock(std::span<const uint8_t> bytes, std::vector<int32_t>* tokens) {
    size_ = 0;
    while (size_ < bytes.size()) {
      const size_t piece = PieceBytes(bytes.subspan(size_), tokenizer_.rule_);
      if (size_ + piece > kMaxPieceBytes) break;
      std::fill_n(cut_before_.begin() + static_cast<std::ptrdiff_t>(size_), piece, uint8_t{0});
      cut_before_[size_] = 1;
      size_ += piece;
    }
    cut_before_[size_] = 1;
    std::copy_n(bytes.begin(), size_, ids_.begin());
    MakeMerges();
    for (size_t i = 0; i < size_; i += tokenizer_.lengths_[ids_[i]]) tokens->push_back(ids_[i]);
    return size_;
  }

 private:
  void MakeMerges() {
    TokenRow row(ids_.data(), size_, tokenizer_.lengths_);
    for (size_t i = 0; i + 1 < size_; ++i) Wait(row, i, i + 1);
    for (uint32_t rank = 0; rank < waiting_.size(); ++rank) {
      const TokenPair pair = tokenizer_.merges_[rank];
      const auto token = static_cast<uint16_t>(kByteTokens + static_cast<int32_t>(rank));
      for (const uint16_t place : waiting_[rank]) {
        if (!row.Holds(place, pair)) continue;
        const size_t end = row.Join(place, row.Next(place), token);
        if (cut_before_[place] == 0) Wait(row, row.Previous(place), place);
        if (cut_before_[end] == 0) Wait(row, place, end);
      }
      waiting_[rank].clear();
    }
  }

  void Wait(const TokenRow& row, size_t place, size_t next) {
    if (cut_before_[next] != 0) return;
    const uint32_t rank = tokenizer_.ranks_.Find(PairKey(row.at(place), row.at(next)));
    if (rank != PairMap::kNone) waiting_[rank].push_back(static_cast<uint16_t>(place));
  }

  const BpeTokenizer& tokenizer_;
  size_t size_ = 0;  // of the block, in bytes
  std::vector<uint16_t> ids_;
  std::vector<uint8_t> cut_before_;             // [size_ + 1], whether a piece begins here
  std::vector<std::vector<uint16_t>> waiting_;  // places, a row for each merge
};

std::vector<int32_t> BpeTokenizer::Encode(std::span<const uint8_t> bytes) const {
  std::vector<int32_t> tokens;
  Encoder encoder(*this);
  while (!bytes.empty()) bytes = bytes.subspan(encoder.EncodeBlock(bytes, &tokens));
  return tokens;
}

uint64_t BpeTokenizer::DecodedBytes(std::span<const int32_t> tokens) const {
  uint64_t bytes = 0;
  for (const int32_t token : tokens) {
    if (token < 0 || token >= vocabulary())
      throw DamagedError("token " + std::to_string(token) + " is not one of " + name());
    bytes += lengths_[static_cast<size_t>(token)];
  }
  return bytes;
}

Bytes BpeTokenizer::Decode(std::span<const int32_t> tokens) const {
  Bytes bytes;
  bytes.reserve(DecodedBytes(tokens));
  for (const int32_t token : tokens) {
    const auto part = BytesOf(token);
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  return bytes;
}

Bytes BpeTokenizer::Serialise() const {
  Bytes bytes = {rule_ == PieceRule::kWords ? kWordBpeKind : kPlainBpeKind,
                 static_cast<uint8_t>(merges_.size()), static_cast<uint8_t>(merges_.size() >> 8)};
  BitWriter out(&bytes);
  uint32_t known = kByteTokens;
  for (const TokenPair& pair : merges_) {
    PutChoice(pair.left, known, &out);
    PutChoice(pair.right, known, &out);
    ++known;
  }
  return bytes;
}

BpeTokenizer BpeTokenizer::Load(std::span<const uint8_t> serialised, PieceRule rule,
                                const std::string& name) {
  if (serialised.size() < 2) throw DamagedError(name + " holds a tokenizer that is cut off");
  const uint32_t count = serialised[0] | static_cast<uint32_t>(serialised[1]) << 8;
  BitReader in(serialised.subspan(2));
  std::vector<TokenPair> merges;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t left = GetChoice(kByteTokens + i, &in);
    const uint32_t right = GetChoice(kByteTokens + i, &in);
    merges.push_back({static_cast<uint16_t>(left), static_cast<uint16_t>(right)});
  }
  if (!in.ConsumedExactly())
    throw DamagedError(name + " holds a tokenizer of another length than it says");
  try {
    return BpeTokenizer(std::move(merges), rule);
  } catch (const Error& error) {
    throw DamagedError(name + " holds a damaged tokenizer: " + error.what());
  }
}

}  // namespace occam
