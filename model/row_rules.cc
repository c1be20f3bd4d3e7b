#include "model/row_rules.h"

#include <algorithm>

namespace occam {
namespace {

constexpr uint32_t kMultiplier = 0x9E3779B1;
constexpr uint32_t kSaltMultiplier = 0x632BE5AB;
constexpr uint32_t kWordsSalt = 512;

bool IsLetter(uint32_t symbol) {
  const uint32_t lower = symbol | 32;
  return symbol >= 128 || (lower >= 'a' && lower <= 'z');
}

// lowbias32 (C. Wellons, 2018, "Prospecting for hash functions"), of h and a rule's salt.
uint32_t Mixed(uint32_t h, uint32_t salt) {
  h += salt * kSaltMultiplier;
  h = (h ^ (h >> 16)) * 0x7FEB352D;
  h = (h ^ (h >> 15)) * 0x846CA68B;
  return h ^ (h >> 16);
}

}  // namespace

void KnownPast::Append(int32_t symbol) {
  const auto s = static_cast<uint32_t>(symbol);
  const auto before = last_;  // so that no call moves the few numbers
  std::copy_n(before.begin(), kMaxRuleSymbols - 1, last_.begin() + 1);
  last_[0] = s + 1;
  const bool letter = IsLetter(s);
  if (letter && !in_word_) {
    std::copy_backward(words_.begin(), words_.end() - 1, words_.end());
    words_[0] = 0;
  }
  in_word_ = letter;
  const uint32_t value = (letter && s < 128 ? s | 32 : s) + 1;
  for (uint32_t& hash : words_) hash = hash * kMultiplier + value;
}

RowRules::RowRules(const ModelConfig& config) {
  int64_t first_row = 0;
  for (const RowRule& rule : config.memory_rules) {
    const uint32_t salt = (rule.kind == RuleKind::kWords ? kWordsSalt : 0) + rule.count;
    rules_.push_back({rule.kind, rule.count, rule.bits, salt, static_cast<int32_t>(first_row)});
    first_row += rule.rows();
  }
}

void RowRules::Choose(const KnownPast& past, std::span<int32_t> rows) const {
  // Hashes of the last n symbols: the oldest one has the highest power of the multiplier.
  std::array<uint32_t, kMaxRuleSymbols> hashes;
  uint32_t hash = 0, power = 1;
  for (size_t n = 0; n < hashes.size(); ++n, power *= kMultiplier)
    hashes[n] = hash += past.last_[n] * power;
  for (size_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = rules_[i];
    const bool words = rule.kind == RuleKind::kWords;
    const uint32_t needed = words ? 1 : rule.count;
    const uint32_t h = words ? past.words_[rule.count - 1] : hashes[rule.count - 1];
    const uint32_t row =
        past.last_[needed - 1] == 0 ? 1u << rule.bits : Mixed(h, rule.salt) >> (32 - rule.bits);
    rows[i] = rule.first_row + static_cast<int32_t>(row);
  }
}

void RowRules::ChooseAll(std::span<const int32_t> inputs, int32_t begin_symbol,
                         std::span<int32_t> rows) const {
  KnownPast past;
  for (size_t t = 0; t < inputs.size(); ++t) {
    if (inputs[t] < begin_symbol) past.Append(inputs[t]);
    Choose(past, rows.subspan(t * count(), count()));
  }
}

}  // namespace occam
