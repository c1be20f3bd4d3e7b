// occam benchmark: what each level of compress makes of files, in the manner of zstd -b.
//
// Each way is a process of its own, so that its peak of memory is that of the work alone. The
// compressed file is a temporary one without a name.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "coder/container/container_format.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/base/printable.h"
#include "data/json_text.h"
#include "occam/occam.h"
#include "tools/command.h"
#include "tools/commands/compress/levels.h"
#include "tools/option_table.h"

namespace occam {
namespace {

constexpr char kEpilogue[] =
    "Each level compresses each file, restores it and compares. A line tells sizes, rate, speeds "
    "and the most memory that\n"
    "each way took. Speeds are those of a clock, loading the model included; 1 KB is 1000 bytes. "
    "No file is written.\n"
    "\n"
    "Examples:\n"
    "  benchmark book.txt                 # all levels\n"
    "  benchmark -b3 -e6 book.txt data.csv\n"
    "  benchmark --no-network data.csv    # what compress --ckpt none makes of it\n";

struct BenchmarkOptions {
  std::vector<std::string> files;
  int first = 1;  // levels
  int last = kMostLevel;
  bool no_network = false;
  bool json = false;
  int threads = 1;
  uint64_t memory_bytes = 0;
};

BenchmarkOptions Parse(int argc, const char* const* argv) {
  cxxopts::Options options("benchmark", "Tells what each level of compress makes of files.\n");
  options.positional_help("FILE...");
  AddOptions(&options, "Levels",
             {
                 {"b,begin", "N", Takes<int>("1"), "The first level"},
                 {"e,end", "N", Takes<int>(),
                  "The last level (default: the first one, where -b is given, or else 9)"},
                 {"no-network", "In place of levels: compress --ckpt none"},
                 {"files", "", Takes<std::vector<std::string>>(), ""},
             });
  AddOptions(&options, "Run",
             {
                 {"T,threads", "N", Takes<int>("1"), "Threads; 0 = one a processor"},
                 MemoryOption(),
                 {"json", "Print JSON, a line for each file and level"},
             });
  options.parse_positional({"files"});
  const cxxopts::ParseResult args =
      ParseOptions(&options, argc, argv, {"Levels", "Run"}, kEpilogue);
  BenchmarkOptions request;
  if (args.count("files") == 0) throw UsageError("benchmark takes files; see benchmark --help");
  request.files = args["files"].as<std::vector<std::string>>();
  request.first = args["begin"].as<int>();
  request.last = args.count("end") > 0     ? args["end"].as<int>()
                 : args.count("begin") > 0 ? request.first
                                           : kMostLevel;
  for (const int level : {request.first, request.last}) {
    if (level < 1 || level > kMostLevel)
      throw UsageError(fmt::format("a level is 1 to {}, not {}", kMostLevel, level));
  }
  if (request.last < request.first)
    throw UsageError(fmt::format("-b {} comes after -e {}", request.first, request.last));
  request.no_network = args.count("no-network") > 0;
  if (request.no_network && args.count("begin") + args.count("end") > 0)
    throw UsageError("--no-network is in place of levels: give it or -b and -e, not both");
  request.json = args.count("json") > 0;
  request.threads = ThreadsFrom(args);
  request.memory_bytes = MemoryFrom(args, /*model_path=*/"");
  return request;
}

// ---- Streams -----------------------------------------------------------------------------------

class FileReader final : public Reader {
 public:
  explicit FileReader(const std::string& path) : source_(OpenSource(path)) {}
  size_t Read(std::span<uint8_t> out) override { return source_->Read(out); }
  std::optional<uint64_t> size() const override { return source_->size_bytes(); }
  void Seek(uint64_t position) override { source_->Seek(position); }
  std::string name() const override { return source_->name(); }

 private:
  std::unique_ptr<ByteSource> source_;
};

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using TemporaryFile = std::unique_ptr<std::FILE, Close>;

TemporaryFile MakeTemporaryFile() {
  TemporaryFile file(std::tmpfile());
  if (!file) throw IoError(fmt::format("cannot make a temporary file: {}", std::strerror(errno)));
  return file;
}

// Appends to a temporary file.
class TemporaryWriter final : public Writer {
 public:
  explicit TemporaryWriter(std::FILE* file) : file_(file) {}
  void Write(std::span<const uint8_t> bytes) override {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size() ||
        std::fflush(file_) != 0)
      throw IoError(fmt::format("cannot write a temporary file: {}", std::strerror(errno)));
  }

 private:
  std::FILE* file_;
};

// Reads a temporary file from its begin.
class TemporaryReader final : public Reader {
 public:
  explicit TemporaryReader(std::FILE* file) : file_(file) { std::rewind(file_); }
  size_t Read(std::span<uint8_t> out) override {
    const size_t size = std::fread(out.data(), 1, out.size(), file_);
    if (std::ferror(file_) != 0)
      throw IoError(fmt::format("cannot read a temporary file: {}", std::strerror(errno)));
    return size;
  }

 private:
  std::FILE* file_;
};

// Compares what is restored with a file.
class Comparer final : public Writer {
 public:
  explicit Comparer(const std::string& path) : path_(path), file_(OpenSource(path)) {}
  void Write(std::span<const uint8_t> bytes) override {
    Bytes there(bytes.size());
    if (file_->Read(there) != bytes.size() || !std::ranges::equal(there, bytes)) Fail();
  }
  // Called at the end.
  void Finish() {
    std::array<uint8_t, 1> more;
    if (file_->Read(more) != 0) Fail();
  }

 private:
  [[noreturn]] void Fail() const {
    throw InternalError(path_ + " is restored to something else, or was changed meanwhile");
  }
  std::string path_;
  std::unique_ptr<ByteSource> file_;
};

// ---- Measuring ---------------------------------------------------------------------------------

// What one way took.
struct Work {
  uint64_t original_bytes = 0;
  uint64_t file_bytes = 0;
  double elapsed_s = 0;
  uint64_t peak_bytes = 0;
};

// Runs work(), which returns Stats, in a process of its own. Where it fails there, its message has
// been printed: returns nothing, and the exit code in `code`.
template <typename Act>
std::optional<Work> RunAlone(const Act& act, int* code) {
  std::array<int, 2> ends;
  if (::pipe(ends.data()) != 0)
    throw IoError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  std::fflush(stdout);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw IoError(fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (child == 0) {
    // It must not go on for nobody.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kInterruptedExitCode);
    int result = 0;
    try {
      const auto start = std::chrono::steady_clock::now();
      const Stats stats = WithMemoryHint(act);
      Work work;
      work.original_bytes = stats.original_bytes;
      work.file_bytes = stats.file_bytes;
      work.elapsed_s =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (::write(ends[1], &work, sizeof(work)) != sizeof(work))
        throw IoError("cannot write to a pipe");
    } catch (...) {
      result = ReportFailure("occam: ");
    }
    ::_exit(result);
  }
  ::close(ends[1]);
  Work work;
  const bool told = ::read(ends[0], &work, sizeof(work)) == sizeof(work);
  ::close(ends[0]);
  int status = 0;
  struct rusage usage {};
  if (::wait4(child, &status, 0, &usage) != child)
    throw IoError(fmt::format("cannot wait for a process: {}", std::strerror(errno)));
  if (WIFSIGNALED(status))
    throw IoError(
        fmt::format("a process of the benchmark was ended by signal {}", WTERMSIG(status)));
  *code = WEXITSTATUS(status);
  if (*code != 0 || !told) return std::nullopt;
  work.peak_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  return work;
}

class Benchmark {
 public:
  explicit Benchmark(const BenchmarkOptions& request) : request_(request) {}

  // `level` is 0 for no network. Returns the exit code.
  int Measure(const std::string& file, int level) {
    const TemporaryFile packed = MakeTemporaryFile();
    int code = 0;
    const std::optional<Work> there =
        RunAlone([&] { return Compress(file, level, packed.get()); }, &code);
    if (!there) return code;
    const std::optional<Work> back = RunAlone([&] { return Restore(file, packed.get()); }, &code);
    if (!back) return code;
    Print(file, level, *there, *back);
    return 0;
  }

 private:
  Options Usual() const {
    Options options;
    options.threads = request_.threads;
    options.memory = request_.memory_bytes;
    return options;
  }

  Stats Compress(const std::string& file, int level, std::FILE* packed) const {
    Options options = Usual();
    std::optional<Model> model;
    if (level == 0) {
      options.no_model = true;
      options.mode = Mode::kAdaptive;
    } else {
      model = Model::BuiltIn(LevelOf(level).model);
      options.model = &*model;
      options.mode = static_cast<Mode>(LevelOf(level).mode);
    }
    FileReader reader(file);
    TemporaryWriter writer(packed);
    return CompressStream(reader, writer, options);
  }

  Stats Restore(const std::string& file, std::FILE* packed) const {
    TemporaryReader reader(packed);
    Comparer comparer(file);
    const Stats stats = DecompressStream(reader, comparer, Usual());
    comparer.Finish();
    return stats;
  }

  void Print(const std::string& file, int level, const Work& there, const Work& back) {
    const auto size = static_cast<double>(there.original_bytes);
    const double rate = size == 0 ? 0 : static_cast<double>(there.file_bytes) / size;
    const auto speed = [&](const Work& work) {
      return size / 1e3 / std::max(work.elapsed_s, 1e-6);
    };
    const std::string model =
        level == 0 ? "no network"
                   : fmt::format("{}, {}", LevelOf(level).model, ModeName(LevelOf(level).mode));
    if (request_.json) {
      const nlohmann::ordered_json json = {{"file", file},
                                           {"level", level},
                                           {"codes_by", model},
                                           {"original_bytes", there.original_bytes},
                                           {"file_bytes", there.file_bytes},
                                           {"compress_s", there.elapsed_s},
                                           {"restore_s", back.elapsed_s},
                                           {"compress_peak_bytes", there.peak_bytes},
                                           {"restore_peak_bytes", back.peak_bytes}};
      fmt::print("{}\n", JsonText(json));
    } else {
      if (printed_ != file) {
        fmt::print("{}, {} bytes\n", Printable(file), there.original_bytes);
        fmt::print("{:<6} {:<20} {:>10} {:>8}  {:>21}  {:>21}\n", "level", "model and mode",
                   "bytes", "rate", "compressing", "restoring");
        printed_ = file;
      }
      fmt::print(
          "{:<6} {:<20} {:>10} {:>6.2f} %  {:>7.0f} KB/s {:>5.0f} MB  {:>7.0f} KB/s {:>5.0f} "
          "MB\n",
          level == 0 ? "" : fmt::format("-{}", level), model, there.file_bytes, 100 * rate,
          speed(there), static_cast<double>(there.peak_bytes) / 1e6, speed(back),
          static_cast<double>(back.peak_bytes) / 1e6);
    }
    std::fflush(stdout);
  }

  const BenchmarkOptions& request_;
  std::string printed_;  // the file whose lines are being printed
};

}  // namespace

int BenchmarkCommand(int argc, const char* const* argv) {
  const BenchmarkOptions request = Parse(argc, argv);
  Benchmark benchmark(request);
  // A file or level that fails does not keep the others from being measured.
  int code = 0;
  const auto measure = [&](const std::string& file, int level) {
    const int result = benchmark.Measure(file, level);
    if (code == 0) code = result;
    return result == 0;
  };
  for (const std::string& file : request.files) {
    if (request.no_network) {
      measure(file, 0);
      continue;
    }
    for (int level = request.first; level <= request.last; ++level) {
      if (!measure(file, level)) break;
    }
  }
  return code;
}

}  // namespace occam
