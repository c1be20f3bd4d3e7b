// Softmax cross-entropy, in nats.
#ifndef OCCAM_TRAIN_LOSS_H_
#define OCCAM_TRAIN_LOSS_H_

#include <cstdint>
#include <span>

namespace occam {

// The sum over n tokens of -ln p(target) for logits [n, vocabulary] and targets [n], each in [0,
// vocabulary), else kInternal. dlogits [n, vocabulary] = `scale` times the sum's gradient; an empty
// span asks for none. Not a number among the logits gives a loss that is not finite.
double SoftmaxCrossEntropy(std::span<const float> logits, std::span<const int32_t> targets,
                           int vocabulary, float scale, std::span<float> dlogits);

}  // namespace occam

#endif  // OCCAM_TRAIN_LOSS_H_
