// occam explain: a page that shows where a model spends its bits.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "coder/baselines/baselines.h"
#include "coder/explain/page.h"
#include "coder/explain/stretches.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/base/units.h"
#include "occam/occam.h"
#include "tools/command.h"
#include "tools/commands/compress/compress_options.h"
#include "tools/model_source.h"
#include "tools/option_table.h"
#include "tools/progress.h"

namespace occam {
namespace {

// A page of more takes a browser too long.
constexpr uint64_t kMostBytes = 16'000'000;

constexpr char kEpilogue[] =
    "Writes one HTML file that needs nothing else: sums by kind of character and by predictor, the "
    "curve along the\n"
    "file, the most surprising places, and the text, each character in the colour of its cost. "
    "The costs are those\n"
    "of compress. Of a codec only lengths are known: what it adds for each of 32 stretches is "
    "shared among their bytes.\n"
    "\n"
    "Examples:\n"
    "  explain book.txt                                  # writes book.txt.html\n"
    "  explain --ckpt mine.occm --beside xz data.log\n"
    "  explain --ckpt mine.occm --beside model/pretrained/wiki-800K.occm --bytes 0:1M -o page.html "
    "data.log\n";

struct ExplainOptions {
  std::string file;
  std::string model;  // empty: a built-in one
  std::string mode;   // empty: adaptive where the model's symbols are bytes, else carried
  std::string beside;
  std::string bytes;
  std::string output;
  bool force = false;
  bool quiet = false;
  int threads = 0;
  uint64_t memory_bytes = 0;
};

cxxopts::Options MakeOptions() {
  cxxopts::Options options("explain", "Shows where a model spends its bits, as an HTML page.\n");
  options.positional_help("[FILE]");
  AddOptions(
      &options, "What",
      {
          {"ckpt", "CKPT", Text(),
           "The model: a checkpoint (.h5) or .occm (default: the built-in one)"},
          {"mode", "MODE", Text(),
           "chunked, carried, adaptive or long, as compress has it (default: adaptive for models "
           "of bytes, which also tells who decided each byte; carried for others)"},
          {"beside", "OTHER", Text(),
           "Another model, a checkpoint or .occm, or a codec to compare with: gzip or xz"},
          {"bytes", "RANGE", Text(), "Bytes of the file, BEGIN:END (default: all)"},
          {"file", "", Text(), ""},
      });
  AddOptions(&options, "Output",
             {
                 {"o,output", "FILE", Text(),
                  "Write to this file; - = standard output (default: FILE.html)"},
                 {"f,force", "Overwrite the file"},
             });
  AddOptions(&options, "Run",
             {
                 ThreadsOption(),
                 MemoryOption(),
                 {"q,quiet", "Print errors only"},
             });
  options.parse_positional({"file"});
  return options;
}

ExplainOptions Parse(int argc, const char* const* argv) {
  cxxopts::Options options = MakeOptions();
  const cxxopts::ParseResult args =
      ParseOptions(&options, argc, argv, {"What", "Output", "Run"}, kEpilogue);
  if (!args.unmatched().empty()) throw UsageError("explain takes one file");
  ExplainOptions request;
  request.file = args.count("file") > 0 ? TextOf(args, "file") : kStandard;
  request.model = TextOf(args, "ckpt");
  request.mode = TextOf(args, "mode");
  if (!request.mode.empty()) ParseContextMode(request.mode);
  request.beside = TextOf(args, "beside");
  request.bytes = TextOf(args, "bytes");
  request.output = TextOf(args, "output");
  if (request.output.empty())
    request.output = request.file == kStandard ? kStandard : request.file + ".html";
  request.force = args.count("force") > 0;
  request.quiet = args.count("quiet") > 0;
  request.threads = ThreadsFrom(args);
  request.memory_bytes = MemoryFrom(args, TextOf(args, "ckpt"));
  return request;
}

Bytes ReadPart(const ExplainOptions& request) {
  Bytes bytes = ReadAll(*OpenSource(request.file, &CatchInterrupts()));
  if (!request.bytes.empty()) {
    const ByteRange range =
        ParseByteRange(request.bytes, static_cast<int64_t>(bytes.size()), "--bytes");
    bytes.erase(bytes.begin() + range.end, bytes.end());
    bytes.erase(bytes.begin(), bytes.begin() + range.begin);
  }
  if (bytes.size() > kMostBytes) {
    throw UsageError(
        fmt::format("a page shows at most {}, not {}; name a part by --bytes BEGIN:END",
                    FormatBytes(static_cast<double>(kMostBytes)),
                    FormatBytes(static_cast<double>(bytes.size()))));
  }
  return bytes;
}

std::string NameOfModel(const std::string& path) {
  return path.empty() ? Model::BuiltInNames().front() : std::filesystem::path(path).stem().string();
}

// A model's costs, and what the page calls it.
struct Measured {
  std::string name;
  ExplainedCosts costs;
  bool mixes = false;
};

class Explainer {
 public:
  Explainer(const ExplainOptions& request, std::span<const uint8_t> bytes)
      : request_(request), bytes_(bytes), interrupted_(CatchInterrupts()), line_(request.quiet) {}

  Measured ByModel(const std::string& path) {
    const Model model = WithMemoryHint(
        [&] { return LoadDoorModel(path, /*plain_kernels=*/false, request_.memory_bytes); });
    std::string mode = request_.mode;
    if (mode.empty()) mode = model.info().vocabulary == 256 ? "adaptive" : "carried";
    Options options;
    options.model = &model;
    options.mode = static_cast<Mode>(ParseContextMode(mode));
    options.threads = request_.threads;
    options.memory = request_.memory_bytes;
    options.progress = [&](uint64_t done, uint64_t) { return Show(path, done); };
    Measured measured{NameOfModel(path) + ", " + mode, ExplainCosts(bytes_, options),
                      options.mode == Mode::kAdaptive || options.mode == Mode::kLong};
    return measured;
  }

  std::vector<float> ByCodec(const ClassicalCodec& codec) {
    return explain::SpreadLengths(bytes_, [&](std::span<const uint8_t> begin) {
      if (!Show(codec.name(), begin.size()))
        throw Error(ErrorKind::kCancelled, "interrupted while " + codec.name() + " was measured");
      return codec.Compress(begin, ClassicalCodec::Form::kFile).size();
    });
  }

 private:
  // Returns whether to go on.
  bool Show(const std::string& what, uint64_t done) {
    if (interrupted_) return false;
    const auto all = static_cast<double>(std::max<size_t>(bytes_.size(), 1));
    line_.Show(static_cast<double>(done) / all, "measuring " + what);
    return true;
  }

  const ExplainOptions& request_;
  std::span<const uint8_t> bytes_;
  const std::atomic<bool>& interrupted_;
  ProgressLine line_;
};

std::unique_ptr<ClassicalCodec> CodecOf(const std::string& name) {
  if (name == "gzip") return GzipCodec();
  if (name == "xz") return XzCodec();
  return nullptr;
}

std::string MakePage(const ExplainOptions& request, std::span<const uint8_t> bytes) {
  Explainer explainer(request, bytes);
  const Measured own = explainer.ByModel(request.model);
  explain::Explanation e;
  e.name = request.file == kStandard ? "standard input" : request.file;
  if (!request.bytes.empty()) e.name += ", bytes " + request.bytes;
  e.method = own.name;
  e.bytes = bytes;
  e.bits = own.costs.bits;
  if (own.mixes) e.decided_by = own.costs.decided_by;
  std::vector<float> beside;
  if (const auto codec = CodecOf(request.beside)) {
    beside = explainer.ByCodec(*codec);
    e.beside = codec->name();
    e.beside_stretches = explain::StretchesOf(bytes.size());
  } else if (!request.beside.empty()) {
    Measured other = explainer.ByModel(request.beside);
    beside = std::move(other.costs.bits);
    e.beside = other.name;
  }
  e.beside_bits = beside;
  return explain::Page(e);
}

}  // namespace

int ExplainCommand(int argc, const char* const* argv) {
  const ExplainOptions request = Parse(argc, argv);
  const Bytes bytes = ReadPart(request);
  const auto sink = OpenSink(request.output, request.force);
  std::string page;
  try {
    page = MakePage(request, bytes);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kCancelled) return kInterruptedExitCode;
    throw;
  }
  sink->Write(BytesOf(page));
  sink->Commit();
  if (!request.quiet && request.output != kStandard)
    fmt::print(stderr, "{}: {}\n", request.output, FormatBytes(static_cast<double>(page.size())));
  return 0;
}

}  // namespace occam
