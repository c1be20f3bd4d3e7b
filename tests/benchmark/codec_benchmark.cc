// How fast whole files are compressed and decompressed, what of it is what, and how near that comes
// to what the machine can do. See --help.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cxxopts.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "child_process.h"
#include "codec_runs.h"
#include "data/base/cpu.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/base/processors.h"
#include "data/base/units.h"
#include "memory_rate.h"
#include "network_cost.h"
#include "onednn_rate.h"
#include "thread_seconds.h"

namespace occam {
namespace {

constexpr char kHow[] =
    "KB are 1000 bytes. Each run is a process of its own; its rate is that of files on disk, range "
    "coder, headers and\n"
    "order-2 model (which compressing tries as well) included, reading and preparing the model "
    "not. "
    "\"a CPU second\" is by\n"
    "the processor time of all threads, which other programs disturb less. Shares are of the runs "
    "with one thread, by\n"
    "sampling: a timer of the system stops the process a few hundred times a second of processor "
    "time, and the function\n"
    "found there is counted (one standard error of a share s of n samples is sqrt(s (1 - s) / "
    "n)).\n"
    "Operations a byte = 2 * weights of linear layers + 4 * width * pairs of a query and a key "
    "that "
    "it sees (mean a byte,\n"
    "summed over the layers). oneDNN's rate: its s8 x s8 products of all linear layers, operands "
    "ready, tiles of 64 rows\n"
    "for compressing, 32 for decompressing. Keys and values read a byte = 2 * kv width * pairs; "
    "memory is read in order,\n"
    "half a gigabyte. All rates of one thread are by its processor time.\n";

constexpr char kExamples[] =
    "Examples:\n"
    "  codec_benchmark --data val.txt model/pretrained/*.occm\n"
    "  codec_benchmark --data wiki64.txt --bytes 20M --threads 1,2,16 --mode carried "
    "wiki-3.2M.occm\n"
    "  codec_benchmark --bytes 256K 200K 3.2M            # random weights and a text made for "
    "them\n"
    "  OCCAM_MAX_ISA=AVX2 codec_benchmark --data val.txt wiki-800K.occm\n";

struct Options {
  std::vector<BenchmarkModel> models;
  std::string data;
  size_t bytes = 0;
  std::vector<int> threads;
  std::vector<ContextMode> modes;
  bool functions = false;
};

std::vector<int> ParseThreads(const std::string& text) {
  std::vector<int> threads;
  std::istringstream list(text);
  for (std::string part; std::getline(list, part, ',');)
    threads.push_back(static_cast<int>(ParseCount(part, "--threads")));
  for (const int n : threads) {
    if (n < 1) throw UsageError("--threads wants numbers of at least 1");
  }
  return threads;
}

std::vector<ContextMode> ParseModes(const std::string& text) {
  if (text == "chunked") return {ContextMode::kChunked};
  if (text == "carried") return {ContextMode::kCarried};
  if (text == "adaptive") return {ContextMode::kAdaptive};
  if (text == "both") return {ContextMode::kChunked, ContextMode::kCarried};
  throw UsageError("--mode is chunked, carried, adaptive or both, not " + text);
}

// Empty: the page of help was asked for and printed.
std::optional<Options> Parse(int argc, const char* const* argv) {
  cxxopts::Options page("codec_benchmark", "Measures whole runs of compress and decompress.\n");
  page.positional_help("MODEL...").set_width(110);
  page.add_options()(
      "model",
      "Models (.occm), or sizes of the family for random weights, also with a memory: "
      "200K+small; default 200K 800K 3.2M",
      cxxopts::value<std::vector<std::string>>(), "MODEL")(
      "data", "The file to code; needed by models that are files", cxxopts::value<std::string>(),
      "FILE")("bytes", "How many of its first bytes",
              cxxopts::value<std::string>()->default_value("1M"), "N")(
      "threads", "Numbers of threads; default 1 and one a processor", cxxopts::value<std::string>(),
      "N,N")("mode", "chunked, carried, adaptive, or both: the first two",
             cxxopts::value<std::string>()->default_value("both"),
             "MODE")("functions", "Print the samples of every function on standard error")(
      "h,help", "Print this page");
  page.parse_positional({"model"});
  const cxxopts::ParseResult args = page.parse(argc, argv);
  if (args.count("help") > 0) {
    fmt::print("{}\n{}\n{}", page.help(), kHow, kExamples);
    return std::nullopt;
  }
  Options options;
  options.bytes = static_cast<size_t>(ParseCount(args["bytes"].as<std::string>(), "--bytes"));
  options.modes = ParseModes(args["mode"].as<std::string>());
  options.functions = args.count("functions") > 0;
  if (args.count("data") > 0) options.data = args["data"].as<std::string>();
  options.threads = {1};
  if (ProcessorCount() > 1) options.threads.push_back(ProcessorCount());
  if (args.count("threads") > 0) options.threads = ParseThreads(args["threads"].as<std::string>());
  std::vector<std::string> names = {"200K", "800K", "3.2M"};
  if (args.count("model") > 0) names = args["model"].as<std::vector<std::string>>();
  for (const std::string& name : names) {
    if (name.ends_with(".occm")) {
      if (options.data.empty()) throw UsageError(name + " needs a text: --data FILE");
      options.models.push_back({std::filesystem::path(name).stem(), name, ""});
    } else {
      ConfigNamed(name);  // refuses what is none
      options.models.push_back({name + " random", "", name});
    }
  }
  return options;
}

// Files of the runs; gone with it.
class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "codec_benchmark-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw IoError("cannot make a folder " + name);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Operations a second of oneDNN's int8 products of all linear layers for `rows` tokens: the median
// of rounds.
double OneDnnRate(const ModelConfig& c, int64_t rows) {
  constexpr size_t kRounds = 15;
  constexpr double kRound_s = 0.05;
  std::vector<std::function<void()>> products;
  for (const auto& [outputs, inputs] : LinearShapes(c)) {
    products.push_back(OneDnnProduct({rows, outputs, inputs}, ProductType::kInt8));
    if (!products.back()) return 0;
  }
  std::vector<double> rates;
  for (size_t round = 0; round < kRounds; ++round) {
    double passes = 0;
    const double begin = ThreadSeconds();
    double elapsed = 0;
    for (; elapsed < kRound_s; elapsed = ThreadSeconds() - begin, ++passes) {
      for (const auto& product : products) product();
    }
    rates.push_back(passes * 2 * CountOfLinearWeights(c) * static_cast<double>(rows) / elapsed);
  }
  std::ranges::sort(rates);
  return rates[kRounds / 2];
}

struct MachineRates {
  double memory_one = 0, memory_all = 0;  // bytes a second
};

// One thread's run of each way, for what is derived from it.
struct Ways {
  std::string mode;
  bool carried = false;
  RunResult compress, decompress;
};

double Kilo(uint64_t bytes, double seconds) { return static_cast<double>(bytes) / 1e3 / seconds; }

void PrintRunHeader() {
  fmt::print(
      "\n| model | mode | threads | compress KB/s | a CPU second | peak MB | decompress KB/s | a "
      "CPU "
      "second | peak MB | bpb |\n|---|---|---|---|---|---|---|---|---|---|\n");
}

void PrintRun(const std::string& model, const char* mode, int threads, const RunResult& c,
              const RunResult& d) {
  fmt::print("| {} | {} | {} | {:.1f} | {:.1f} | {:.0f} | {:.1f} | {:.1f} | {:.0f} | {:.3f} |\n",
             model, mode, threads, Kilo(c.original_bytes, c.wall_s),
             Kilo(c.original_bytes, c.cpu_s), 1e-6 * c.peak_bytes, Kilo(d.original_bytes, d.wall_s),
             Kilo(d.original_bytes, d.cpu_s), 1e-6 * d.peak_bytes,
             8 * static_cast<double>(c.file_bytes) / static_cast<double>(c.original_bytes));
  if (c.model_segments < c.segments) {
    fmt::print("  NOT the network: {} of {} segments were coded otherwise\n",
               c.segments - c.model_segments, c.segments);
  }
}

void PrintShares(const std::string& model, std::span<const Ways> ways) {
  std::string header = "\n| model | mode | share of one thread |", rule = "|---|---|---|";
  for (const char* name : kPartNames) header += fmt::format(" {} |", name), rule += "---|";
  fmt::print("{} samples |\n{}---|\n", header, rule);
  for (const Ways& way : ways) {
    for (const bool compress : {true, false}) {
      const RunResult& run = compress ? way.compress : way.decompress;
      size_t total = 0;
      for (const size_t n : run.samples) total += n;
      fmt::print("| {} | {} | {} |", model, way.mode, compress ? "compress" : "decompress");
      for (const size_t n : run.samples)
        fmt::print(" {:.1f} % |", 100.0 * static_cast<double>(n) / static_cast<double>(total));
      fmt::print(" {} |\n", total);
    }
  }
}

void PrintLimits(const std::string& model, const ModelConfig& c, std::span<const Ways> ways,
                 const MachineRates& machine) {
  struct Rates {
    double compress, decompress;
  };
  const auto dnn = InChild<Rates>("oneDNN's rate", [&] {
    return Rates{OneDnnRate(c, 64), OneDnnRate(c, 32)};
  });
  fmt::print(
      "\n| model | mode | one thread | Mop a byte | Gop/s | oneDNN int8 Gop/s | ratio | keys and "
      "values a byte, KB | GB/s | of memory's |\n|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Ways& way : ways) {
    const double pairs = PairsSeen(c, way.carried);
    const double operations = 2 * CountOfLinearWeights(c) + 4 * c.width * pairs;
    const double cached = 2 * c.kv_width() * pairs;
    for (const bool compress : {true, false}) {
      const RunResult& run = compress ? way.compress : way.decompress;
      const double rate = static_cast<double>(run.original_bytes) / run.cpu_s;
      const double dnn_rate = compress ? dnn.compress : dnn.decompress;
      fmt::print("| {} | {} | {} | {:.2f} | {:.1f} | {:.0f} | {:.1f} % |", model, way.mode,
                 compress ? "compress" : "decompress", 1e-6 * operations, 1e-9 * rate * operations,
                 1e-9 * dnn_rate, 100 * rate * operations / dnn_rate);
      if (compress) {
        fmt::print(" | | |\n");
      } else {
        fmt::print(" {:.0f} | {:.2f} | {:.0f} % |\n", 1e-3 * cached, 1e-9 * rate * cached,
                   100 * rate * cached / machine.memory_one);
      }
    }
  }
}

RunResult Measure(const Options& options, RunRequest request, int threads) {
  request.threads = threads;
  request.print_functions = options.functions;
  return InChild<RunResult>(request.compress ? "compressing" : "decompressing",
                            [&] { return MeasureRun(request); });
}

void Report(const Options& options, const BenchmarkModel& model, const Folder& folder,
            const MachineRates& machine) {
  const std::string input = folder / "input", file = folder / "file.occ", again = folder / "again";
  const ModelConfig c = ConfigOf(model);
  fmt::print("\n{}: {}\n", model.name, Describe(c));
  PrintRunHeader();
  std::vector<Ways> all;
  for (const ContextMode mode : options.modes) {
    if (model.path.empty()) {
      WriteKnownText(model, mode, options.bytes, input);
    } else {
      Bytes bytes(options.bytes);
      bytes.resize(OpenSource(options.data)->Read(bytes));
      WriteFile(input, bytes);
    }
    for (const int threads : options.threads) {
      const RunRequest compress{model, true, mode, 1, input, file, false};
      const RunRequest decompress{model, false, mode, 1, file, again, false};
      const RunResult coded = Measure(options, compress, threads);
      const RunResult decoded = Measure(options, decompress, threads);
      if (ReadFile(input) != ReadFile(again)) throw InternalError("the file did not come back");
      PrintRun(model.name, ModeName(mode), threads, coded, decoded);
      if (threads == 1)
        all.push_back({ModeName(mode), mode != ContextMode::kChunked, coded, decoded});
    }
  }
  if (all.empty()) return;
  fmt::print("  reading and preparing the model: {:.0f} ms of processor time\n",
             1e3 * all.front().compress.load_s);
  PrintShares(model.name, all);
  PrintLimits(model.name, c, all, machine);
}

int Main(int argc, const char* const* argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // a run may be cut
  const std::optional<Options> options = Parse(argc, argv);
  if (!options) return 0;
  fmt::print("{}\n", kHow);
  const int all = ProcessorCount();
  const auto machine = InChild<MachineRates>("reading memory", [&] {
    return MachineRates{MemoryReadRate(1), MemoryReadRate(all)};
  });
  fmt::print("{}, {} processors; memory is read at {:.1f} GB/s by one thread, {:.1f} by {}\n",
             IsaName(UsableIsa()), all, 1e-9 * machine.memory_one, 1e-9 * machine.memory_all, all);
  const Folder folder;
  for (const BenchmarkModel& model : options->models) Report(*options, model, folder, machine);
  return 0;
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  try {
    return occam::Main(argc, argv);
  } catch (const std::exception& error) {
    occam::fmt::print(stderr, "codec_benchmark: {}\n", error.what());
    return 2;
  }
}
