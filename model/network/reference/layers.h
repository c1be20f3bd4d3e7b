// Naive twins, in double, of every layer of the training network: loops that follow the formulas
// and nothing else. Tests hold the fast layers to them. Each Backward returns or adds gradients for
// dy, the gradient of the Forward's result; [N, D] is sequences of `length` positions, one after
// another.
#ifndef OCCAM_MODEL_NETWORK_REFERENCE_LAYERS_H_
#define OCCAM_MODEL_NETWORK_REFERENCE_LAYERS_H_

#include <cstdint>
#include <span>

#include "model/network/reference/matrix.h"

namespace occam::reference {

// y [N, O] = x [N, I] w^T, w [O, I].
Matrix LinearForward(const Matrix& x, const Matrix& w);
// Returns dx; *dw += its gradient.
Matrix LinearBackward(const Matrix& x, const Matrix& w, const Matrix& dy, Matrix* dw);

// Each group of `size` columns of a row divided by its root mean square (zeros if its largest
// magnitude is below 2^-100), whole rows where size is their length.
Matrix NormForward(const Matrix& x, size_t size);
Matrix NormBackward(const Matrix& x, size_t size, const Matrix& dy);

// y = x * gain [1, D] by columns.
Matrix GainForward(const Matrix& x, const Matrix& gain);
Matrix GainBackward(const Matrix& x, const Matrix& gain, const Matrix& dy, Matrix* dgain);

// y_t = x_t + sum_k w_k x_(t - taps + 1 + k), w [taps, D], zeros before the start.
Matrix ConvolutionForward(const Matrix& x, const Matrix& w, size_t length);
Matrix ConvolutionBackward(const Matrix& x, const Matrix& w, size_t length, const Matrix& dy,
                           Matrix* dw);

// The elements i and size / 2 + i of each head of `size` columns turned by the position's angle.
Matrix RotateForward(const Matrix& x, size_t size, size_t length);
Matrix RotateBackward(const Matrix& dy, size_t size, size_t length);

// Replaces the elements of each head whose pairs do not turn by those of the position before, zero
// at the first.
Matrix ShiftForward(const Matrix& x, size_t size, size_t length);
Matrix ShiftBackward(const Matrix& dy, size_t size, size_t length);

// softmax(q k^T * 3 / sqrt(size)) v for each head; position i sees j with i - window < j <= i.
// q [N, heads * size], k, v [N, kv_heads * size]; query head h reads key/value head
// h / (heads / kv_heads).
struct AttentionInput {
  Matrix q, k, v;
};
Matrix AttentionForward(const AttentionInput& x, size_t size, size_t length, size_t window);
AttentionInput AttentionBackward(const AttentionInput& x, size_t size, size_t length, size_t window,
                                 const Matrix& dy);

// relu(x)^2.
Matrix ReluSquareForward(const Matrix& x);
Matrix ReluSquareBackward(const Matrix& x, const Matrix& dy);

// Rows of table [V + 1, D] at symbols [N].
Matrix EmbeddingForward(const Matrix& table, std::span<const int32_t> symbols);
void EmbeddingBackward(std::span<const int32_t> symbols, const Matrix& dy, Matrix* dtable);

// The rows of a memory of rows of m numbers that are chosen, [N, R], side by side: [N, R m].
Matrix RecallForward(const Matrix& memory, size_t rules, std::span<const int32_t> rows);
void RecallBackward(std::span<const int32_t> rows, const Matrix& drecalled, Matrix* dmemory);

// Each rule's m numbers of x [N, R m] times clamp(1 + gates [N, R], 0, 2).
Matrix GateForward(const Matrix& x, const Matrix& gates);
// Returns dx; *dgates = the gradient of the gates.
Matrix GateBackward(const Matrix& x, const Matrix& gates, const Matrix& dy, Matrix* dgates);

// The sum over rows of -ln softmax(logits)[target], and its gradient.
double CrossEntropyForward(const Matrix& logits, std::span<const int32_t> targets);
Matrix CrossEntropyBackward(const Matrix& logits, std::span<const int32_t> targets);

Matrix Sum(const Matrix& a, const Matrix& b);

}  // namespace occam::reference

#endif  // OCCAM_MODEL_NETWORK_REFERENCE_LAYERS_H_
