// Spans of floats as Eigen arrays, so that an optimizer reads like its formula.
#ifndef OCCAM_TRAIN_VECTOR_H_
#define OCCAM_TRAIN_VECTOR_H_

#include <Eigen/Core>
#include <span>
#include <vector>

namespace occam {

using Vector = Eigen::Map<Eigen::ArrayXf>;
using ConstVector = Eigen::Map<const Eigen::ArrayXf>;

inline Vector VectorOf(std::span<float> x) {
  return {x.data(), static_cast<Eigen::Index>(x.size())};
}
inline ConstVector VectorOf(std::span<const float> x) {
  return {x.data(), static_cast<Eigen::Index>(x.size())};
}
inline Vector VectorOf(std::vector<float>& x) { return VectorOf(std::span<float>(x)); }

}  // namespace occam

#endif  // OCCAM_TRAIN_VECTOR_H_
