// The levels of compress: a level is a built-in model and a mode.
#ifndef OCCAM_TOOLS_COMMANDS_COMPRESS_LEVELS_H_
#define OCCAM_TOOLS_COMMANDS_COMPRESS_LEVELS_H_

#include <array>
#include <cstddef>

#include "coder/container/container_format.h"

namespace occam {

// Each level makes smaller files than those before it.
struct Level {
  const char* model;
  ContextMode mode;
};
constexpr std::array<Level, 9> kLevels = {{{"broad-200K", ContextMode::kChunked},
                                           {"broad-200K", ContextMode::kCarried},
                                           {"broad-200K", ContextMode::kAdaptive},
                                           {"broad-800K", ContextMode::kChunked},
                                           {"broad-800K", ContextMode::kCarried},
                                           {"broad-800K", ContextMode::kAdaptive},
                                           {"broad-3.2M", ContextMode::kChunked},
                                           {"broad-3.2M", ContextMode::kCarried},
                                           {"broad-3.2M", ContextMode::kAdaptive}}};
constexpr int kMostLevel = static_cast<int>(kLevels.size());

// `level` is in [1, kMostLevel].
constexpr const Level& LevelOf(int level) { return kLevels[static_cast<size_t>(level - 1)]; }

}  // namespace occam

#endif  // OCCAM_TOOLS_COMMANDS_COMPRESS_LEVELS_H_
