#include "coder/predict/expert/sequence.h"

#include <algorithm>

namespace occam {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;      // 2^64 / golden ratio
constexpr uint32_t kGolden32 = 0x9e3779b9u;            // its upper half
constexpr uint64_t kMultiplier = 0xbf58476d1ce4e5b9u;  // of SplitMix64 (Steele et al., 2014)
constexpr uint32_t kLetterMultiplier = 0x2c9277b5u;    // of PCG's 32-bit generator (O'Neill, 2014)

// Bytes of 128 and more are parts of letters in UTF-8.
bool IsLetter(uint8_t byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte >= 128;
}

uint8_t LowerCase(uint8_t byte) { return byte < 128 ? byte | 0x20 : byte; }

}  // namespace

void Sequence::Add(uint8_t byte) {
  bytes_.push_back(byte);
  past_ = past_ << 8 | byte;
  ReadWord(byte);
  ReadForm(byte);
  if (byte == '\n') {
    line_before_ = line_;
    line_ = bytes_.size();
  }
  periods_.Add(bytes_);
}

void Sequence::ReadWord(uint8_t byte) {
  if (IsLetter(byte)) {
    words_[0] = (words_[0] + LowerCase(byte) + 1) * kLetterMultiplier;
  } else if (words_[0] != 0) {
    words_ = {0, words_[0], words_[1]};
  }
}

// Letters in a row are one token, digits and others one each: the form of "the 12, " is "a 00, ".
void Sequence::ReadForm(uint8_t byte) {
  const bool digit = byte >= '0' && byte <= '9';
  const uint32_t kind = byte >= 128 ? 1u : IsLetter(byte) ? 2u : digit ? 3u : byte;
  if (kind != 2 || (form_ & 0xff) != 2) form_ = form_ << 8 | kind;
}

void Sequence::Hash(const LastFollowers& followers, const Expectation& expected,
                    std::array<uint64_t, kContexts>* hashes) const {
  size_t count = 0;
  // The context of a kind: two numbers that tell all of it.
  const auto add = [&](uint64_t a, uint64_t b = 0) {
    uint64_t hash = (a + 1) * kGolden;
    hash ^= hash >> 32;
    (*hashes)[count] = (hash + b * 64 + count) * kMultiplier;
    ++count;
  };
  const auto last = [&](int bytes) { return past_ & ((uint64_t{1} << (8 * bytes)) - 1); };
  const uint32_t c1 = At(1), c2 = At(2), c3 = At(3), c4 = At(4);

  // Orders: the last bytes.
  add(0);
  add(last(2));
  add(last(3));
  add(last(4));
  add(last(5));
  add(last(6));
  add(past_);
  // Words.
  add(words_[0], c1);
  add(words_[0], words_[1]);
  add(words_[0], words_[2]);
  // Bytes with others between them, and bytes without their lower bits.
  add(c2 | c3 << 8);
  add(c1 | c3 << 8);
  add(c3 | c4 << 8);
  add(past_ & 0xf0f0f0f0);
  add(past_ & 0xe0e0e0e0e0e0e0e0);
  add(past_ & 0xf8f8f8f8f8f8);
  // What last followed the last bytes.
  add(followers.After1(past_), c1);
  add(followers.After2(past_), c1);
  add(followers.After3(past_), c1);
  // The place in a line, and the byte above; the form of what was written.
  const size_t in_line = bytes_.size() - line_;
  const uint32_t above = line_ - line_before_ > in_line ? bytes_[line_before_ + in_line] : 0;
  add(std::min<size_t>(in_line, 255), above);
  add(form_, c1);
  // Words of four bytes.
  add(c4 | At(8) << 8 | At(12) << 16, bytes_.size() % 4);
  add(c1 | c4 << 8, bytes_.size() % 4);
  // Records: the bytes above and beside in rows of their width.
  const size_t width = periods_.width();
  const uint32_t n = Above(width, 0), nn = Above(2 * width, 0);
  add(n | nn << 8, width);
  add(c1 << 8 | n, column());
  add(n | nn << 8 | Above(width, -1) << 16, Above(width, -2));
  add(Above(periods_.second(), 0) | c1 << 8, periods_.second());
  // What is expected.
  add(static_cast<uint64_t>(expected.long_byte + 1) | expected.long_step / 4 << 9, c1);
  add(static_cast<uint64_t>(expected.byte + 1) | expected.step << 9);
  add(static_cast<uint64_t>(expected.byte + 1), last(2));
}

std::array<uint32_t, Sequence::kPlanes> Sequence::PlaneContexts(uint32_t node, int depth) const {
  const size_t width = periods_.width();
  // Three bytes of a row above, the middle one above the byte at work.
  const auto row = [&](size_t distance) {
    return Above(distance, 1) << 16 | Above(distance, 0) << 8 | Above(distance, -1);
  };
  const uint32_t above = row(width), above2 = row(2 * width), above3 = row(3 * width);
  // Of such a row the bits from `left` before to `right` after the one above the bit at work.
  const auto part = [&](uint32_t bits, int left, int right) {
    return bits >> (15 - depth - right) & ((1u << (left + right + 1)) - 1);
  };
  const auto beside = static_cast<uint32_t>(past_ << depth) | (node & ((1u << depth) - 1));
  const auto spread = [](uint32_t bits) { return (bits * kGolden32) >> (32 - kPlaneBits); };
  return {(beside & 0x3f) | part(above, 3, 3) << 6 | part(above2, 2, 2) << 13,
          (beside & 0xf) | part(above, 2, 2) << 4 | part(above2, 1, 1) << 9 |
              part(above3, 1, 1) << 12 | static_cast<uint32_t>(depth) << 15,
          spread((beside & 0x3ff) | part(above, 5, 5) << 10),
          spread(((beside & 0x3f) | part(above, 4, 4) << 6 | part(above2, 3, 3) << 15) ^
                 part(above3, 2, 2) * 0x2c1b3c6du)};
}

}  // namespace occam
