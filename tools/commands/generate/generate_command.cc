// occam generate: what a model, or a codec, makes of a prompt.

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/base/error.h"
#include "data/base/format.h"
#include "occam/occam.h"
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
  const Model model = WithMemoryHint(
      [&] { return LoadDoorModel(request.model, /*plain_kernels=*/false, request.memory_bytes); });
  Context context = WithMemoryHint([&] { return Context(model); });
  const Bytes prompt = ReadPrompt(request);
  const std::atomic<bool>& interrupted = CatchInterrupts();
  double bits = 0;
  try {
    bits = context.Feed(prompt, [&](uint64_t, uint64_t) { return !interrupted; });
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::kCancelled) return kInterruptedExitCode;
    throw;
  }
  const std::string about = prompt.empty()
                                ? "no prompt"
                                : fmt::format("prompt of {} bytes, {:.3f} bpb", prompt.size(),
                                              bits / static_cast<double>(prompt.size()));
  return WriteContinuation(request, prompt, about, [&](const TakeFn& take) {
    struct Taker final : Writer {
      explicit Taker(const TakeFn& take_in) : take(take_in) {}
      void Write(std::span<const uint8_t> bytes) override { take(bytes); }
      const TakeFn& take;
    } taker(take);
    const SamplerOptions& s = request.sampler;
    context.Generate(request.bytes, taker,
                     {s.temperature_thousandths, static_cast<uint32_t>(s.top_k), s.seed});
  });
}

}  // namespace occam
