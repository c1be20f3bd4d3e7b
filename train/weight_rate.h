// The bits of the coded weights as a term of the loss. It also tells how finely each row of weights
// is coded, so that both together are least.
//
//   loss = cross-entropy [bits a byte] + lambda R,   R = sum over rows of n/2 log2(1 + (2 e m)^2),
//
// m the mean of |w / s| over the n weights w of a row, s its scale, the step between its codes. R
// is the code length in steps of s of weights of Laplace's distribution when the coder knows their
// mean magnitude. It is log2(2 e m) bits each where m is large, and 0 where it is 0. In between it
// is within 0.13 bits of the entropy of the codes; of normal weights it is 0.07 too much. Its
// gradient has the same magnitude for all weights of a row, so that it makes zeros of those that
// matter least. (The bits of normal weights, n/2 log2(1 + 2 pi e m), m the mean of squares, did a
// little worse.) lambda = 1 / N asks for the fewest bits of N bytes of data and of the model
// together.
//
// The steps. Rounding in steps of s adds an error of variance s^2 / 12, which costs N F s^2 / 24
// nats a weight. F is the second derivative of the cross-entropy [nats a byte] along a weight of
// the row. The code costs const - ln s. So s = sqrt(12 lambda / F) is best: weights that matter
// little are coded coarsely, however large they are. For F serves the mean square of the loss's
// derivative (Fisher's information; Martens, 2020, "New insights and perspectives on the natural
// gradient method", section 9), taken from the gradients of the batches, which are mostly noise; it
// foretells within a tenth what rounding trained weights costs. Weights trained while rounded make
// up for most of it: F is divided by kTrained. Coarseness by second derivatives is of LeCun, Denker
// and Solla, 1990, "Optimal brain damage". Han, Mao and Dally, 2016, section 3, coded the weights
// after training; Balle et al., 2020, "Scalable model compression by entropy penalized
// reparameterization", during it.
//
// Rows of a memory share one step, so a price chooses which of them there are: those that are worth
// their bits (MemoryLearner::DropDearRows).
#ifndef OCCAM_TRAIN_WEIGHT_RATE_H_
#define OCCAM_TRAIN_WEIGHT_RATE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "data/base/thread_team.h"
#include "model/parameters.h"

namespace occam {

// Running means of the squared derivatives of the loss of one token, of each row; [RowCount].
class RowSensitivity {
 public:
  // Finetuning 200K parameters on 4 MB, N = 1.5 MB: data and weights together take 3.36 Mbit with
  // 1, 3.29 with 3, 3.35 with 7.5; for N = 0.5 MB, 3.5 to 10 do equally well.
  static constexpr double kTrained = 3;

  explicit RowSensitivity(const std::vector<ParameterSpec>& table);

  // `gradients` are those of the mean loss of a batch of `tokens`, which count as independent.
  void Add(const ParameterSet& gradients, double tokens, ThreadTeam* team);

  int64_t batches() const { return batches_; }  // added so far
  // The rows' s, within the bounds of model/quantize.h; at least one batch was added. `lambda` is
  // that of a token: times the bytes it stands for.
  void FillSteps(double lambda, std::span<float> steps) const;

  // The state that a resumed run gets back; Restore throws kDamaged for another number of rows.
  const std::vector<double>& means() const { return means_; }
  void Restore(std::vector<double> means, int64_t batches);

 private:
  std::vector<double> means_;  // towards zero by kMemory^batches, as they began there
  int64_t batches_ = 0;
};

// R of one row in steps of `scale`, which is not 0.
double RowBits(std::span<const float> row, double scale);

// R of a tensor. `row_scales` [RowCount], of which the tensor's count; rows of scale 0 cost
// nothing.
double CodedBits(const ParameterSpec& spec, std::span<const float> weights,
                 std::span<const float> row_scales);

// gradient += factor * dR/dw, for fixed scales; all [spec.size()].
void AddCodedBitsGradient(const ParameterSpec& spec, std::span<const float> weights,
                          std::span<const float> row_scales, double factor,
                          std::span<float> gradient);

}  // namespace occam

#endif  // OCCAM_TRAIN_WEIGHT_RATE_H_
