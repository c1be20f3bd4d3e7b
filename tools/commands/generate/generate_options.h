// The options of generate, by a model or by a codec: the two programs that generate share them.
#ifndef OCCAM_TOOLS_COMMANDS_GENERATE_GENERATE_OPTIONS_H_
#define OCCAM_TOOLS_COMMANDS_GENERATE_GENERATE_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "coder/predict/symbol_sampler.h"
#include "data/base/file.h"

namespace occam {

struct GenerateOptions {
  std::string model;  // this or the codec
  std::string codec;
  std::string prompt;       // its bytes, or
  std::string prompt_file;  // where they are, if not empty
  uint64_t bytes = 0;
  SamplerOptions sampler;
  size_t look_back = 0;       // of a codec; 0: all
  int threads = 0;            // of a codec
  uint64_t memory_bytes = 0;  // that a model may take
  std::string output;
  bool echo = false;
  bool force = false;
  bool quiet = false;
};

// Throws kUsage, and EarlyExit after --help and --version.
GenerateOptions ParseGenerateOptions(int argc, const char* const* argv);

Bytes ReadPrompt(const GenerateOptions& request);  // Throws kIo.

// Takes the bytes of a generator; throws when it wants no more.
using TakeFn = std::function<void(std::span<const uint8_t> bytes)>;

// Writes the first request.bytes bytes of what generate(take) gives to take, as they come: bytes to
// a file or pipe, text to a terminal. Tells the speed on standard error, after `about`. Returns the
// exit code; throws kIo.
int WriteContinuation(const GenerateOptions& request, std::span<const uint8_t> prompt,
                      const std::string& about, const std::function<void(const TakeFn&)>& generate);

// The part of generate that is in occam-baselines: by a codec.
int GenerateByCodec(int argc, const char* const* argv);

}  // namespace occam

#endif  // OCCAM_TOOLS_COMMANDS_GENERATE_GENERATE_OPTIONS_H_
