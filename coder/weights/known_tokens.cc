#include "coder/weights/known_tokens.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "data/base/error.h"

namespace occam {

KnownTokens::KnownTokens() : sorted_(kByteTokens), lengths_(kByteTokens, 1), starts_(kByteTokens) {
  std::iota(sorted_.begin(), sorted_.end(), uint16_t{0});
  std::iota(starts_.begin(), starts_.end(), 0u);
  text_.resize(kByteTokens);
  std::iota(text_.begin(), text_.end(), uint8_t{0});
}

void KnownTokens::Add(TokenPair pair) {
  const size_t length = size_t{lengths_[pair.left]} + lengths_[pair.right];
  if (length > kMaxTokenBytes) throw DamagedError("a token is too long");
  const size_t start = text_.size();
  for (const uint16_t part : {pair.left, pair.right}) {
    for (size_t i = 0; i < lengths_[part]; ++i) text_.push_back(text_[starts_[part] + i]);
  }
  const auto bytes = [&](uint16_t token) {
    return std::span(text_).subspan(starts_[token], lengths_[token]);
  };
  const auto added = std::span(text_).subspan(start, length);
  const auto place = std::partition_point(sorted_.begin(), sorted_.end(), [&](uint16_t token) {
    return std::ranges::lexicographical_compare(bytes(token), added);
  });
  sorted_.insert(place, static_cast<uint16_t>(count()));
  starts_.push_back(static_cast<uint32_t>(start));
  lengths_.push_back(static_cast<uint16_t>(length));
}

size_t KnownTokens::EndOfShort(Range range, size_t depth) const {
  while (range.first < range.end && lengths_[sorted_[range.first]] == depth) ++range.first;
  return range.first;
}

size_t KnownTokens::FirstFrom(Range range, size_t depth, uint32_t byte) const {
  const auto begin = sorted_.begin();
  const auto place =
      std::partition_point(begin + static_cast<std::ptrdiff_t>(range.first),
                           begin + static_cast<std::ptrdiff_t>(range.end),
                           [&](uint16_t token) { return text_[starts_[token] + depth] < byte; });
  return static_cast<size_t>(place - begin);
}

void TokenOrder::Fill(int64_t begin, int64_t end, Group* group) {
  begin = std::max<int64_t>(begin, 0);
  end = std::min<int64_t>(end, newest_);
  if (begin >= end) return;
  std::fill(weights_.begin() + begin, weights_.begin() + end, group->Weight());
  group->could += static_cast<uint64_t>(end - begin);
}

void TokenOrder::Weigh(const KnownTokens& tokens) {
  newest_ = tokens.count() - 1;
  const int64_t before = before_;
  for (size_t g = 0; g + 1 < kGroups; ++g) {
    Fill(before + FirstDistance(g), before + FirstDistance(g + 1), &up_[g]);
    if (g > 0) Fill(before - FirstDistance(g + 1) + 1, before - FirstDistance(g) + 1, &down_[g]);
  }
  weights_[newest_] = last_.Weight();
  ++last_.could;
  uint64_t sum = 0;
  for (size_t place = 0; place < tokens.count(); ++place) {
    sum += weights_[tokens.at(place)];
    sums_[place + 1] = sum;
  }
}

void TokenOrder::Count(uint16_t left) {
  const bool up = left >= before_;
  const auto distance = static_cast<uint32_t>(up ? left - before_ : before_ - left);
  size_t g = distance;
  if (distance >= 2) {
    const auto octave = static_cast<size_t>(std::bit_width(distance)) - 1;
    g = 2 * octave + (distance >> (octave - 1) & 1);
  }
  ++(left == newest_ ? last_ : up ? up_[g] : down_[g]).came;
  before_ = left;
}

}  // namespace occam
