// A memory that is being trained: its rows, what the passes see of them, and the step that makes
// those better that a batch recalled (experiments/results/memory/README.md chose the rule).
#ifndef OCCAM_TRAIN_MEMORY_LEARNER_H_
#define OCCAM_TRAIN_MEMORY_LEARNER_H_

#include <cstdint>
#include <vector>

#include "data/base/thread_team.h"
#include "model/config.h"
#include "model/memory_rows.h"
#include "train/recipe.h"
#include "train/row_gradient.h"

namespace occam {

// State that the next step needs of the ones before; empty without a memory.
struct MemoryState {
  std::vector<float> mean_squares;  // [rows of all tables], of a row's gradients
  std::vector<float> counts;        // [rows of all tables]: steps that recalled the row
  std::vector<double> square_sums;  // [tables], of all numbers of the rows
  bool operator==(const MemoryState&) const = default;
};

// A table is updated by one thread, so results do not depend on their number. One call at a time.
class MemoryLearner {
 public:
  // Rows begin at zero. `team` must outlive it.
  MemoryLearner(const ModelConfig& config, const Recipe& recipe, ThreadTeam* team);

  // Rows of a model to start from. Their numbers count as recalled where they are not zero.
  void StartFrom(const MemoryRows& rows);
  // Takes over what a run that was stopped had. Throws kDamaged for another size.
  void Restore(const MemoryRows& rows, MemoryState state);

  // Makes one step of the recalled rows (RMSProp with one mean square a row: Tieleman and Hinton,
  // 2012, "Lecture 6.5"; with the correction of Adam: Kingma and Ba, 2015). Rates are the recipe's
  // times `rate_factor`.
  void Step(double rate_factor, const RowGradient& gradient);

  // Makes zeros of the rows that are not worth their bits, as if they had never been recalled.
  // Where a bit costs as much as `bit_nats` in the loss of a token, a row w is worth F |w|^2 / 2. F
  // is the mean square of a token's derivatives along the row (train/weight_rate.h), as steps of
  // `tokens` show it. A row that `steps` seldom recalled has a small F. Its bits are those that
  // train/weight_rate.h counts, and one for the decision before it.
  void DropDearRows(double bit_nats, double tokens, int64_t steps);

  // Rounds the rows that the passes see from here on to multiples of CodeStep().
  void BeginRounding() { rounding_ = true; }
  bool rounding() const { return rounding_; }
  // The step between codes: the recipe's memory_step times the deviation of all rows that were ever
  // recalled. 0 without a memory.
  float CodeStep() const;
  // Valid until the next step.
  MemoryView Seen() const { return {rows_, rounding_ ? CodeStep() : 0}; }

  const MemoryRows& rows() const { return rows_; }
  const MemoryState& state() const { return state_; }

 private:
  void DropDearRowsOf(size_t rule, int64_t first_row, double bit_nats, double tokens_a_step,
                      float code_step);
  float Correction(float count) const;
  void StepTable(size_t rule, float rate, const RowGradient::Table& table);
  void Fetch(size_t row) const;

  ModelConfig config_;
  Recipe recipe_;
  ThreadTeam* team_;
  MemoryRows rows_;
  MemoryState state_;
  std::vector<int64_t> used_;       // [tables]: rows that were ever recalled
  std::vector<float> corrections_;  // by counts: 1 / (1 - beta2^count)
  bool rounding_ = false;
};

}  // namespace occam

#endif  // OCCAM_TRAIN_MEMORY_LEARNER_H_
