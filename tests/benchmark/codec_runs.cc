#include "codec_runs.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

#include "coder/archive/compressor.h"
#include "coder/archive/decompressor.h"
#include "coder/predict/loaded_model.h"
#include "coder/predict/network_predictor.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "known_text.h"
#include "model/exact/network.h"
#include "network_cost.h"
#include "sampler.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

// A function belongs to the first part of which a word is in its name.
constexpr std::pair<const char*, Part> kWords[] = {
    {"Order2", Part::kOrder2},
    {"Range", Part::kRangeCoder},
    {"EncodeSymbols", Part::kRangeCoder},
    {"DecodeSymbols", Part::kRangeCoder},
    {"TablePredictor", Part::kRangeCoder},
    {"Attend", Part::kAttention},
    {"Attention", Part::kAttention},
    {"Frequenc", Part::kFrequencies},
    {"::Interval", Part::kFrequencies},
    {"Session::Impl::Score", Part::kFrequencies},
    {"Session::Impl::Step", Part::kFrequencies},
    {"Product", Part::kProducts},
    {"Multiply", Part::kProducts},
    {"Linear", Part::kProducts},
    {"::Scale", Part::kProducts},
    {"dnnl", Part::kProducts},
    {"generated code", Part::kProducts},
    {"Kernels::", Part::kRows},
    {"Session::Impl", Part::kRows},
    {"TilePass", Part::kRows},
    {"LaneMemory", Part::kRows},
    {"Rotary", Part::kRows},
};

// Without the arguments, whose types have names, too.
std::string WithoutArguments(const std::string& name) {
  const size_t close = name.rfind(')');
  if (close == std::string::npos) return name;
  int depth = 0;
  for (size_t i = close + 1; i-- > 0;) {
    if (name[i] == ')') ++depth;
    if (name[i] == '(' && --depth == 0) return name.substr(0, i);
  }
  return name;
}

Part PartOf(const std::string& function) {
  const std::string name = WithoutArguments(function);
  for (const auto& [word, part] : kWords) {
    if (name.find(word) != std::string::npos) return part;
  }
  return Part::kRest;
}

std::array<size_t, kParts> SamplesByPart(bool print) {
  std::array<size_t, kParts> samples{};
  std::vector<std::pair<size_t, std::string>> functions;
  for (const auto& [name, count] : Sampler::Counts(FunctionNames())) {
    samples[static_cast<size_t>(PartOf(name))] += count;
    functions.emplace_back(count, name);
  }
  std::ranges::sort(functions, std::greater());
  for (const auto& [count, name] : functions) {
    const auto part = static_cast<size_t>(PartOf(name));
    if (print) fmt::print(stderr, "{:6} {:<12} {:.110}\n", count, kPartNames[part], name);
  }
  return samples;
}

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double PeakBytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

QuantizedModel MakeModel(const BenchmarkModel& model) {
  if (model.path.empty()) return testing::RandomModel(ConfigNamed(model.size), 1);
  return ReadModel(ReadFile(model.path), model.path, {});
}

ContainerStats Code(const RunRequest& request, const CodecModel& model) {
  const auto source = OpenSource(request.input);
  const auto sink = OpenSink(request.output, /*overwrite=*/true);
  const CodecOptions options{request.threads, {}, request.mode};
  const ContainerStats stats = request.compress ? Compress(*source, *sink, &model, options)
                                                : Decompress(*source, *sink, &model, options);
  sink->Commit();
  return stats;
}

}  // namespace

RunResult MeasureRun(const RunRequest& request) {
  using Clock = std::chrono::steady_clock;
  RunResult result;
  const double before_s = CpuSeconds();
  const ExactNetwork network(MakeModel(request.model), Kernels::kFast);
  const CodecModel model =
      request.model.path.empty() ? KnownTextModel(network) : NetworkCodecModel(network);
  const double loaded_s = CpuSeconds();
  result.load_s = loaded_s - before_s;

  // One thread alone, lest spinning for work be counted as work.
  const bool sample = request.threads == 1;
  if (sample) Sampler::Start();
  const auto begin = Clock::now();
  const ContainerStats stats = Code(request, model);
  result.wall_s = std::chrono::duration<double>(Clock::now() - begin).count();
  result.cpu_s = CpuSeconds() - loaded_s;
  result.peak_bytes = PeakBytes();
  result.original_bytes = stats.original_bytes;
  result.file_bytes = stats.file_bytes;
  result.segments = stats.segments;
  result.model_segments = stats.method_segments[static_cast<size_t>(CodingMethod::kModel)];
  if (sample) {
    Sampler::Stop();
    result.samples = SamplesByPart(request.print_functions);
  }
  return result;
}

ModelConfig ConfigOf(const BenchmarkModel& model) {
  if (model.path.empty()) return ConfigNamed(model.size);
  return ReadModel(ReadFile(model.path), model.path, {}).config;
}

void WriteKnownText(const BenchmarkModel& model, ContextMode mode, size_t bytes,
                    const std::string& path) {
  const auto context = static_cast<uint32_t>(ConfigOf(model).context);
  WriteFile(path, KnownText(bytes, context, mode));
}

}  // namespace occam
