#include "model/import/llama_weights.h"

#include <cmath>

#include "data/base/error.h"
#include "data/base/format.h"
#include "model/config.h"

namespace occam {

void CheckShape(const LlamaWeights& w, int64_t layers, const std::string& name) {
  const auto require = [&](bool holds, const char* what, double value) {
    if (!holds)
      throw DamagedError(fmt::format("{}: {} is {}, which is not supported", name, what, value));
  };
  const auto within = [&](const char* what, int64_t value, int64_t least, int64_t most) {
    require(value >= least && value <= most, what, static_cast<double>(value));
  };
  within("the vocabulary", w.tokens, 2, kMaxImportedVocabulary);
  within("the width", w.width, 8, 4096);
  require(w.width % 8 == 0, "the width", w.width);
  within("the number of layers", layers, 1, 256);
  within("the number of heads", w.heads, 1, 4096);
  within("the number of key/value heads", w.kv_heads, 1, w.heads);
  require(w.heads % w.kv_heads == 0, "the number of key/value heads", w.kv_heads);
  within("the head size", w.head_size, 8, 256);
  require(w.head_size % 8 == 0, "the head size", w.head_size);
  within("the width of all heads", int64_t{w.heads} * w.head_size, 8, 65536);
  within("the MLP width", w.mlp_width, 1, 65528);
  within("the context", w.context, 1, 1 << 24);
  within("the begin token", w.begin_token, 0, w.tokens - 1);
  require(std::isfinite(w.epsilon) && w.epsilon >= 1e-12 && w.epsilon <= 1, "the norms' epsilon",
          w.epsilon);
  require(std::isfinite(w.theta) && w.theta >= 1 && w.theta <= 1e12, "the rotary base", w.theta);
}

double LlamaWeights::step_of(int64_t pair) const {
  const int64_t size = head_size / copies;
  return std::pow(theta, -2.0 * static_cast<double>(pair % (size / 2)) / static_cast<double>(size));
}

}  // namespace occam
