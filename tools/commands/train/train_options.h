// The options of occam train and what they mean. All throw kUsage.
#ifndef OCCAM_TOOLS_COMMANDS_TRAIN_TRAIN_OPTIONS_H_
#define OCCAM_TOOLS_COMMANDS_TRAIN_TRAIN_OPTIONS_H_

#include <cstdint>
#include <cxxopts.hpp>
#include <vector>

#include "model/config.h"
#include "train/recipe.h"
#include "train/schedule.h"

namespace occam {

cxxopts::Options TrainOptions();

// --windows, or else the family's: one a layer.
std::vector<int32_t> WindowsFrom(const cxxopts::ParseResult& args, int layers);
// Return what is asked for; bytes are taken as so many symbols as stand for them, each for
// `bytes_per_symbol` of the training part.
ModelConfig ConfigFrom(const cxxopts::ParseResult& args, int vocabulary, double bytes_per_symbol);
Recipe RecipeFrom(const cxxopts::ParseResult& args);
RunLength LengthFrom(const cxxopts::ParseResult& args, const ModelConfig& config,
                     const Recipe& recipe, double bytes_per_symbol);

// --kinds: the kind of each --data's contexts, in their order, and of each kind whether it has
// signals; both empty where it is not given.
struct KindsAsked {
  std::vector<int32_t> of_sources;
  std::vector<uint8_t> with_signals;
};
KindsAsked KindsFrom(const cxxopts::ParseResult& args);

// Refuses what a run's checkpoint decides: given again, it could only disagree.
void RefuseBesideResume(const cxxopts::ParseResult& args);

}  // namespace occam

#endif  // OCCAM_TOOLS_COMMANDS_TRAIN_TRAIN_OPTIONS_H_
