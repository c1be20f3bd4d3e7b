// Whole runs of compressor and decompressor, measured.
#ifndef OCCAM_TESTS_BENCHMARK_CODEC_RUNS_H_
#define OCCAM_TESTS_BENCHMARK_CODEC_RUNS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "coder/container/container_format.h"
#include "model/config.h"

namespace occam {

// The origin of a model: an .occm file, or the family's size with random weights.
struct BenchmarkModel {
  std::string name;
  std::string path;  // "" for random weights
  std::string size;  // of random weights, by ConfigNamed
};

// Processor time by what it is spent on.
enum class Part { kProducts, kAttention, kFrequencies, kRows, kRangeCoder, kOrder2, kRest };
constexpr size_t kParts = 7;
constexpr std::array<const char*, kParts> kPartNames = {
    "products", "attention", "frequencies", "other rows", "range coder", "order 2", "rest"};

struct RunResult {
  double load_s = 0;  // reading and preparing the model, in processor time
  double wall_s = 0;  // of the run
  double cpu_s = 0;   // of all threads
  double peak_bytes = 0;
  uint64_t original_bytes = 0;
  uint64_t file_bytes = 0;
  uint64_t model_segments = 0;  // segments that the network codes, of
  uint64_t segments = 0;
  std::array<size_t, kParts> samples{};  // by Part
};

struct RunRequest {
  BenchmarkModel model;
  bool compress = true;  // else decompress
  ContextMode mode = ContextMode::kChunked;
  int threads = 1;
  std::string input, output;
  bool print_functions = false;  // where the samples fell, on standard error
};

// Runs in the calling process, which it leaves in no state for another: call it in a child.
RunResult MeasureRun(const RunRequest& request);

ModelConfig ConfigOf(const BenchmarkModel& model);
// The bytes that random weights are to code; see known_text.h.
void WriteKnownText(const BenchmarkModel& model, ContextMode mode, size_t bytes,
                    const std::string& path);

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_CODEC_RUNS_H_
