// The work and reading of a network for one token.
#ifndef OCCAM_TESTS_BENCHMARK_NETWORK_COST_H_
#define OCCAM_TESTS_BENCHMARK_NETWORK_COST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"

namespace occam {

// A layer's weights [outputs, inputs].
struct LinearShape {
  int64_t outputs, inputs;
};

// The family's member of a size, and where a memory's size follows it, with that: "200K" or
// "200K+small". Throws kUsage.
ModelConfig ConfigNamed(const std::string& name);

// All linear layers, but those of a memory; those of queries, keys and values of a layer are one.
std::vector<LinearShape> LinearShapes(const ModelConfig& c);

double CountOfLinearWeights(const ModelConfig& c);

// Returns the pairs of a query and a key that it sees, a token, summed over the layers. It is the
// mean over a context that starts afresh, or (carried) far from its start.
double PairsSeen(const ModelConfig& c, bool carried = false);

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_NETWORK_COST_H_
