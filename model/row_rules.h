// Rules that choose rows of a memory's tables for a context: hashes in integers of the symbols
// that the context knows (docs/spec/memory.md, section 2). All arithmetic is in unsigned 32 bits
// and wraps. The begin symbol is not known to a rule.
#ifndef OCCAM_MODEL_ROW_RULES_H_
#define OCCAM_MODEL_ROW_RULES_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"

namespace occam {

// The past that rules know of a context, symbol by symbol.
class KnownPast {
 public:
  void Append(int32_t symbol);  // in [0, V)

 private:
  friend class RowRules;
  std::array<uint32_t, kMaxRuleSymbols> last_ = {};  // symbol + 1, the newest first; 0: not known
  std::array<uint32_t, kMaxRuleWords> words_ = {};   // hashes since the last word began, the one
                                                     // before it, and the one before that
  bool in_word_ = false;
};

// The rules of a configuration. Immutable; rows of all tables are numbered through.
class RowRules {
 public:
  explicit RowRules(const ModelConfig& config);

  size_t count() const { return rules_.size(); }
  // Row 0 of a rule's table among the rows of all tables.
  int32_t first_row(size_t rule) const { return rules_[rule].first_row; }

  // rows [count()] = those that each rule chooses after this past.
  void Choose(const KnownPast& past, std::span<int32_t> rows) const;

  // The same after each input of a sequence that begins a context: rows [inputs, count()]. The
  // first input may be the begin symbol, of any kind.
  void ChooseAll(std::span<const int32_t> inputs, int32_t begin_symbol,
                 std::span<int32_t> rows) const;

 private:
  struct Rule {
    RuleKind kind;
    uint32_t count, bits, salt;
    int32_t first_row;
  };
  std::vector<Rule> rules_;
};

}  // namespace occam

#endif  // OCCAM_MODEL_ROW_RULES_H_
