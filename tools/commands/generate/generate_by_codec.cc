// occam generate --codec, in the program occam-baselines.

#include "coder/baselines/classical_codecs.h"
#include "coder/baselines/codec_continuation.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "tools/command.h"
#include "tools/commands/generate/generate_options.h"

namespace occam {
namespace {

std::unique_ptr<ClassicalCodec> FindCodec(const std::string& name) {
  for (auto& codec : ClassicalCodecs()) {
    const CodecFacts facts = codec->facts();
    if (facts.name != name) continue;
    if (!facts.missing.empty()) throw UsageError(fmt::format("{}: {}", name, facts.missing));
    return std::move(codec);
  }
  throw UsageError(fmt::format("there is no codec '{}'; see baselines --list", name));
}

}  // namespace

int GenerateByCodec(int argc, const char* const* argv) {
  const GenerateOptions request = ParseGenerateOptions(argc, argv);
  SymbolSampler sampler(request.sampler);
  const std::unique_ptr<ClassicalCodec> codec = FindCodec(request.codec);
  CodecContinuation continuation(*codec, request.look_back, request.threads);
  const Bytes prompt = ReadPrompt(request);
  continuation.Begin(prompt);
  const std::string about =
      fmt::format("{}, prompt of {} bytes", codec->facts().maker, prompt.size());
  return WriteContinuation(request, prompt, about, [&](const TakeFn& take) {
    for (;;) {
      const uint8_t byte = continuation.Next(&sampler);
      take(std::span(&byte, 1));
    }
  });
}

}  // namespace occam
