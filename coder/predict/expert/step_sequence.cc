#include "coder/predict/expert/step_sequence.h"

#include <algorithm>

namespace occam {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;      // 2^64 / golden ratio
constexpr uint64_t kMultiplier = 0xbf58476d1ce4e5b9u;  // of SplitMix64 (Steele et al., 2014)
constexpr uint64_t kMultiplier2 = 0x94d049bb133111ebu;
constexpr uint32_t kLetterMultiplier = 0x2c9277b5u;  // of PCG's 32-bit generator (O'Neill, 2014)

// Bytes of 128 and more are parts of letters in UTF-8.
bool IsLetter(uint8_t byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte >= 128;
}

uint8_t LowerCase(uint8_t byte) { return byte < 128 ? byte | 0x20 : byte; }

// Bits of five bytes of a row, the middle one above the byte at work.
struct Row {
  uint64_t bits = 0;
  // Those from `left` before to `right` after the one above the bit at work.
  uint64_t Part(int depth, int left, int right) const {
    return bits >> (23 - depth - right) & ((uint64_t{1} << (left + right + 1)) - 1);
  }
};

}  // namespace

void StepSequence::Add(uint8_t byte) {
  bytes_.push_back(byte);
  past_ = past_ << 8 | byte;
  ReadWord(byte);
  ReadForm(byte);
  ReadLine(byte);
  ReadBrackets(byte);
  ReadKind(byte);
  periods_.Add(bytes_);
}

void StepSequence::MakeRoom() {
  constexpr size_t kLeast = 4096;
  if (!HasRoom()) bytes_.reserve(std::max(kLeast, 2 * bytes_.size()));
}

void StepSequence::ReadWord(uint8_t byte) {
  if (IsLetter(byte)) {
    words_[0] = (words_[0] + LowerCase(byte) + 1) * kLetterMultiplier;
    ++word_length_;
    sentence_ = 0;
    return;
  }
  if (words_[0] != 0) words_ = {0, words_[0], words_[1]};
  word_length_ = 0;
  if (byte != ' ') last_mark_ = byte;
  if (byte == '.' || byte == '!' || byte == '?') sentence_ = 1;
  if (byte == '\n') sentence_ = 2;
}

// Letters in a row are one token, digits and others one each: the form of "the 12, " is "a 00, ".
void StepSequence::ReadForm(uint8_t byte) {
  const bool digit = byte >= '0' && byte <= '9';
  const uint32_t kind = byte >= 128 ? 1u : IsLetter(byte) ? 2u : digit ? 3u : byte;
  if (kind != 2 || (form_ & 0xff) != 2) form_ = form_ << 8 | kind;
}

void StepSequence::ReadLine(uint8_t byte) {
  if (byte == '\n') {
    line_before_ = line_;
    line_ = bytes_.size();
    line_start_ = first_word_ = 0;
    first_word_ended_ = false;
    return;
  }
  if (bytes_.size() - line_ <= 2) line_start_ = line_start_ << 8 | byte;
  if (!IsLetter(byte)) {
    first_word_ended_ = first_word_ended_ || first_word_ != 0;
  } else if (!first_word_ended_) {
    first_word_ = (first_word_ + LowerCase(byte) + 1) * kLetterMultiplier;
  }
}

// Brackets need not match: any closing one closes the last.
void StepSequence::ReadBrackets(uint8_t byte) {
  const bool quote = byte == '"';
  if (byte == ')' || byte == ']' || byte == '}' || byte == '>' ||
      (quote && opened_ > 0 && open_[opened_] == '"')) {
    if (opened_ > 0) --opened_;
  } else if (byte == '(' || byte == '[' || byte == '{' || byte == '<' || quote) {
    opened_ = std::min(opened_ + 1, kMostOpen);
    open_[opened_] = byte;
  }
}

// More than a sixteenth of controls is no text. Where a plane predicts better than the last bytes
// do, and not much worse than all that is mixed, a lane is a bitmap.
void StepSequence::ReadKind(uint8_t byte) {
  constexpr uint32_t kAll = 1 << 20;
  constexpr size_t kEvery = 2048;  // bytes from look to look for a bitmap
  const bool control = byte < 32 && byte != '\n' && byte != '\r' && byte != '\t';
  controls_ = controls_ - (controls_ >> 8) + (control ? kAll >> 8 : 0);
  if (controls_ < kAll / 32) {
    kind_ = LaneKind::kText;
    errors_ = Errors();
  } else if (kind_ == LaneKind::kText ? controls_ > kAll / 16 : bytes_.size() % kEvery == 0) {
    const uint64_t most = kind_ == LaneKind::kBitmap ? 17 : 15;  // eighths of the mixture's errors
    const bool bitmap = periods_.width() != 0 &&
                        uint64_t{errors_.plane} * 5 < uint64_t{errors_.context} * 4 &&
                        uint64_t{errors_.plane} * 8 < uint64_t{errors_.mixture} * most;
    kind_ = bitmap ? LaneKind::kBitmap : LaneKind::kRecords;
  }
}

void StepSequence::AddErrors(const Errors& of_byte) {
  const auto add = [](uint32_t* sum, uint32_t more) { *sum += (more >> 4) - (*sum >> 12); };
  add(&errors_.context, of_byte.context);
  add(&errors_.plane, of_byte.plane);
  add(&errors_.mixture, of_byte.mixture);
}

uint32_t StepSequence::TextState() const {
  return std::min(word_length_, 15u) * 8 + static_cast<uint32_t>(opened_) + sentence_ * 128;
}

void StepSequence::Hash(const LastFollowers& followers, const Expectation& expected,
                        Contexts* contexts) const {
  size_t count = 0;
  size_t number = 0;
  // The context of a kind: two numbers that tell all of it.
  const auto add = [&](uint64_t a, uint64_t b = 0) {
    uint64_t hash = (a + 1) * kGolden;
    hash ^= hash >> 32;
    contexts->hashes[count] = (hash + b * 64 + number) * kMultiplier;
    contexts->numbers[count] = static_cast<uint8_t>(number);
    ++count;
    ++number;
  };
  const auto last = [&](size_t bytes) { return past_ & ((uint64_t{1} << (8 * bytes)) - 1); };
  const uint32_t c1 = At(1), c2 = At(2), c3 = At(3), c4 = At(4);
  const size_t width = periods_.width();
  const uint32_t n = Above(width, 0), nn = Above(2 * width, 0);

  // Orders: the last bytes.
  add(0);
  add(last(2));
  add(last(3));
  add(last(4));
  add(last(5));
  add(last(6));
  add(past_);
  if (kind_ == LaneKind::kBitmap) {
    number = kCommon + kOfText;
    add(n | nn << 8, width);
    add(c1 << 8 | n, column());
    add(n | nn << 8 | Above(width, -1) << 16, Above(width, -2));
    add(column(), width);
    number = kCommon + kOfText + kOfRecords;
    const uint32_t nnn = Above(3 * width, 0);
    add(nn | nnn << 8, width);
    add(n | nn << 8 | nnn << 16 | c1 << 24, Above(4 * width, 0));
    add(n | c1 << 8 | c2 << 16 | Above(width, -1) << 24, column());
    contexts->count = count;
    return;
  }
  add(words_[0], c1);
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
  // The form of what was written.
  add(form_, c1);
  // What is expected.
  add(static_cast<uint64_t>(expected.long_byte + 1) | expected.long_step / 4 << 9, c1);
  add(static_cast<uint64_t>(expected.byte + 1) | expected.step << 9);
  add(static_cast<uint64_t>(expected.byte + 1), last(2));
  // Records of another width.
  add(Above(periods_.second(), 0) | c1 << 8, periods_.second());

  const size_t in_line = bytes_.size() - line_;
  const uint32_t above = line_ - line_before_ > in_line ? bytes_[line_before_ + in_line] : 0;
  if (kind_ == LaneKind::kText) {
    // Words.
    add(words_[0], words_[1]);
    add(words_[0], words_[2]);
    add(words_[0] + words_[1] * kGolden, words_[2]);
    add(words_[0], last_mark_ << 8 | c1);
    // The place in a line, and the byte above; how the line began.
    add(std::min<size_t>(in_line, 255), above);
    add(line_start_ | std::min<uint64_t>(in_line, 255) << 16, c1);
    add(first_word_, uint64_t{words_[0]} + c1);
    // What is open; forms with a word.
    add(open_[opened_] | opened_ << 8, uint64_t{words_[0]} + c1);
    add(form_, words_[0]);
    add(words_[1], c1 | c2 << 8);
    // Tables.
    add(c1 << 8 | n, column());
    add(c2);
    contexts->count = count;
    return;
  }
  number = kCommon + kOfText;
  // Records: the bytes above and beside in rows of their width.
  add(n | nn << 8, width);
  add(c1 << 8 | n, column());
  add(n | nn << 8 | Above(width, -1) << 16, Above(width, -2));
  add(column(), width);
  // Words of four bytes: what is known of this one, with parts of those before.
  const size_t place = bytes_.size() % 4;
  const uint64_t known = last(place);
  const uint32_t first = At(place + 4), first_before = At(place + 8);
  add(c4 | At(8) << 8 | At(12) << 16, place);
  add(c1 | c4 << 8, place);
  add(known, place);
  add(known | uint64_t{first} << 32, place);
  add(known | uint64_t{first} << 32 | uint64_t{first_before} << 40, place);
  add(known | uint64_t{first} << 32 | uint64_t{At(place + 3)} << 40, place | first_before << 8);
  // The place in a line, and others.
  add(std::min<size_t>(in_line, 255), above);
  add(c2);
  add(last(7));
  contexts->count = count;
}

void StepSequence::PlaneContexts(uint32_t node, int depth,
                                 std::array<uint64_t, kPlanes>* hashes) const {
  const size_t width = periods_.width();
  const auto row = [&](size_t distance) {
    return Row{uint64_t{Above(distance, 2)} << 32 | uint64_t{Above(distance, 1)} << 24 |
               uint64_t{Above(distance, 0)} << 16 | uint64_t{Above(distance, -1)} << 8 |
               uint64_t{Above(distance, -2)}};
  };
  const uint64_t beside = past_ << depth | (node & ((1u << depth) - 1));
  const auto own = [&](int bits) { return beside & ((uint64_t{1} << bits) - 1); };
  size_t count = 0;
  const auto add = [&](uint64_t a, uint64_t b = 0) {
    uint64_t hash = (a + 1) * kGolden;
    hash = ((hash ^ hash >> 29) + b) * kMultiplier;
    (*hashes)[count++] = (hash ^ hash >> 32) * kMultiplier2;
  };
  const Row r1 = row(width), r2 = row(2 * width), r3 = row(3 * width);
  const auto p1 = [&](int left, int right) { return r1.Part(depth, left, right); };
  const auto p2 = [&](int left, int right) { return r2.Part(depth, left, right); };
  const auto p3 = [&](int left, int right) { return r3.Part(depth, left, right); };
  const Row r4 = row(4 * width), r5 = row(5 * width), r6 = row(6 * width);
  const auto p4 = [&](int left, int right) { return r4.Part(depth, left, right); };
  const auto p5 = [&](int left, int right) { return r5.Part(depth, left, right); };
  const auto p6 = [&](int left, int right) { return r6.Part(depth, left, right); };
  add(own(4) | p1(2, 2) << 4 | p2(1, 1) << 9 | p3(1, 1) << 12, static_cast<uint64_t>(depth));
  add(own(2) | p1(1, 1) << 2 | p2(1, 1) << 5 | p3(1, 1) << 8 | p4(1, 1) << 11 | p5(1, 1) << 14 |
      p6(1, 1) << 17);
  add(own(6) | p1(4, 4) << 6 | p2(3, 3) << 15 | p3(2, 2) << 22);
  if (kind_ != LaneKind::kBitmap) return;
  add(own(6) | p1(3, 3) << 6 | p2(2, 2) << 13);
  add(own(10) | p1(5, 5) << 10);
  add(own(8) | p1(7, 7) << 8 | p2(5, 5) << 24 | p3(4, 4) << 36 | p4(2, 2) << 46);
  add(own(16) | p1(3, 10) << 16);
  add(own(24) | p1(0, 0) << 24);
  add(own(12) | p1(7, 7) << 12 | p2(7, 7) << 27 | p3(6, 6) << 42, p4(4, 4) | p5(3, 3) << 9);
}

StepSequence::Templates StepSequence::BitsAround(uint32_t node, int depth) const {
  const size_t width = periods_.width();
  const auto beside = static_cast<uint32_t>(past_ << depth) | (node & ((1u << depth) - 1));
  const auto row = [&](size_t distance) {
    return Above(distance, 1) << 16 | Above(distance, 0) << 8 | Above(distance, -1);
  };
  const auto part = [&](uint32_t bits, int left, int right) {
    return bits >> (15 - depth - right) & ((1u << (left + right + 1)) - 1);
  };
  const uint32_t r1 = row(width), r2 = row(2 * width), r3 = row(3 * width);
  Templates bits;
  bits.near = (beside & 0xf) | part(r1, 2, 2) << 4 | part(r2, 1, 1) << 9;
  bits.row = (beside & 0x1f) | part(r1, 0, 5) << 5;
  bits.rows =
      (beside & 3) | part(r2, 1, 1) << 2 | part(r3, 1, 1) << 5 | part(row(4 * width), 1, 1) << 8;
  bits.around = (beside & 0xf) | part(r1, 2, 2) << 4 | part(r2, 2, 2) << 9 | part(r3, 1, 1) << 14;
  return bits;
}

}  // namespace occam
