// occam generate: what a model, or a codec, makes of a prompt.

#include <vector>

#include "coder/predict/continuation.h"
#include "coder/predict/network_predictor.h"
#include "data/base/format.h"
#include "data/base/units.h"
#include "model/exact/network.h"
#include "tools/command.h"
#include "tools/commands/generate/generate_options.h"
#include "tools/model_source.h"

namespace occam {
namespace {

// The program that knows the codecs also knows how to generate by one, under this name.
int RunCodecProgram(int argc, const char* const* argv) {
  std::vector<const char*> arguments(argv, argv + argc);
  arguments.front() = "generate";
  arguments.push_back(nullptr);
  return BaselinesCommand(argc, arguments.data());
}

}  // namespace

int GenerateCommand(int argc, const char* const* argv) {
  const GenerateOptions request = ParseGenerateOptions(argc, argv);
  if (!request.codec.empty()) return RunCodecProgram(argc, argv);
  SymbolSampler sampler(request.sampler);
  const ExactNetwork network(LoadModel(request.model).model, Kernels::kFast);
  const CodecModel model = NetworkCodecModel(network);
  Continuation continuation(model);
  const Bytes prompt = ReadPrompt(request);
  const std::atomic<bool>& interrupted = CatchInterrupts();
  const double bits = continuation.Feed(prompt, &interrupted);
  if (interrupted) return kInterruptedExitCode;
  const std::string about = prompt.empty()
                                ? "no prompt"
                                : fmt::format("prompt of {} bytes, {:.3f} bpb", prompt.size(),
                                              bits / static_cast<double>(prompt.size()));
  return WriteContinuation(request, prompt, about, [&] { return continuation.Next(&sampler); });
}

}  // namespace occam
