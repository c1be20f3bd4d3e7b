// occam compress and occam decompress, with the habits of gzip, xz and zstd.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coder/compressor.h"
#include "coder/decompressor.h"
#include "coder/lm_codec.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/units.h"
#include "model/exact/network.h"
#include "tools/command.h"
#include "tools/model_source.h"
#include "tools/progress.h"

namespace occam {
namespace {

constexpr char kSuffix[] = ".occ";
constexpr char kStandard[] = "-";

constexpr char kCompressEpilogue[] =
    "Without FILE, or with -, reads standard input and writes standard output. The input file is "
    "kept.\n"
    "\n"
    "Examples:\n"
    "  compress --ckpt wiki.occm book.txt                # writes book.txt.occ\n"
    "  tar c folder | compress --ckpt wiki.occm > folder.tar.occ\n"
    "  compress -l book.txt.occ                          # sizes, model and methods\n"
    "  compress -d --ckpt wiki.occm book.txt.occ         # the same as decompress\n";

constexpr char kDecompressEpilogue[] =
    "Without FILE, or with -, reads standard input and writes standard output. The compressed file "
    "is kept.\n"
    "A file appears under its name only when all of it was restored and checked.\n"
    "\n"
    "Examples:\n"
    "  decompress --ckpt wiki.occm book.txt.occ          # writes book.txt\n"
    "  decompress --ckpt wiki.occm -t *.occ              # tests, writes nothing\n";

enum class Action { kCompress, kDecompress, kTest, kList };

struct Request {
  Action action = Action::kCompress;
  std::vector<std::string> files;
  std::string output;  // empty: by the input's name
  bool to_stdout = false;
  bool force = false;
  bool remove_input = false;
  bool quiet = false;
  bool verbose = false;
  int threads = 0;
};

cxxopts::Options MakeOptions(bool decompress) {
  const std::string name = decompress ? "decompress" : "compress";
  cxxopts::Options options(
      name, decompress ? "Restores compressed files.\n" : "Compresses files with a model.\n");
  options.positional_help("[FILE...]");
  options.add_options("Model")("ckpt", "The model: a checkpoint (.h5) or .occm",
                               cxxopts::value<std::string>(), "CKPT");
  options.add_options("What to do")("d,decompress", "Decompress")(
      "t,test", "Test compressed files, write nothing")(
      "l,list", "List sizes, model and methods of compressed files; needs no model");
  options.add_options("Files")("o,output", "Write to this file (- = standard output)",
                               cxxopts::value<std::string>(),
                               "FILE")("c,stdout", "Write to standard output")(
      "f,force", "Overwrite files; write compressed data to a terminal")(
      "k,keep", "Keep the input (the default)")("rm",
                                                "Remove the input once the output is written")(
      "files", "", cxxopts::value<std::vector<std::string>>());
  options.add_options("Run")("T,threads", "Threads; 0 = one a processor",
                             cxxopts::value<int>()->default_value("0"),
                             "N")("kernels", "fast, or plain: the slow definition",
                                  cxxopts::value<std::string>()->default_value("fast"), "WHICH")(
      "v,verbose", "Print sizes, rate and speed of each file")("q,quiet", "Print errors only");
  options.parse_positional({"files"});
  return options;
}

Kernels ParseKernels(const std::string& text) {
  if (text == "fast") return Kernels::kFast;
  if (text == "plain") return Kernels::kPlain;
  throw UsageError("--kernels is fast or plain, not " + text);
}

Request ParseRequest(const cxxopts::ParseResult& args, bool decompress) {
  Request request;
  const bool d = decompress || args.count("decompress") > 0;
  request.action = args.count("list") > 0   ? Action::kList
                   : args.count("test") > 0 ? Action::kTest
                   : d                      ? Action::kDecompress
                                            : Action::kCompress;
  if (args.count("files") > 0) request.files = args["files"].as<std::vector<std::string>>();
  if (request.files.empty()) request.files.push_back(kStandard);
  request.to_stdout = args.count("stdout") > 0;
  if (args.count("output") > 0) {
    if (request.files.size() > 1)
      throw UsageError("-o names one file, but there are several inputs");
    if (request.to_stdout) throw UsageError("give -o or -c, not both");
    request.output = args["output"].as<std::string>();
  }
  if (args.count("rm") > 0 && args.count("keep") > 0)
    throw UsageError("give --rm or --keep, not both");
  request.force = args.count("force") > 0;
  request.remove_input = args.count("rm") > 0;
  request.quiet = args.count("quiet") > 0;
  request.verbose = args.count("verbose") > 0 && !request.quiet;
  request.threads = args["threads"].as<int>();
  if (request.threads < 0) throw UsageError("--threads must not be negative");
  return request;
}

std::string OutputName(const Request& request, const std::string& input) {
  if (!request.output.empty()) return request.output;
  if (request.to_stdout || input == kStandard) return kStandard;
  if (request.action == Action::kCompress) {
    if (input.ends_with(kSuffix))
      throw UsageError(input + " has the suffix .occ already; use -o to name the output");
    return input + kSuffix;
  }
  const std::string base = std::filesystem::path(input).filename();
  if (!base.ends_with(kSuffix) || base == kSuffix) {
    throw UsageError(input + " has no suffix .occ, so the output has no name; use -o or -c");
  }
  return input.substr(0, input.size() - std::string(kSuffix).size());
}

// Runs one file through Compress or Decompress, with progress, and prints its line with -v.
class FileWorker {
 public:
  FileWorker(const Request& request, const StreamModel* model)
      : request_(request), model_(model), interrupted_(CatchInterrupts()) {}

  void Work(const std::string& input) {
    if (request_.action == Action::kList) return List(input);
    const auto source = OpenSource(input);
    const bool test = request_.action == Action::kTest;
    const std::string output = test ? "" : OutputName(request_, input);
    const bool compress = request_.action == Action::kCompress;
    if (compress && output == kStandard && ::isatty(STDOUT_FILENO) == 1 && !request_.force) {
      throw UsageError("compressed data would go to the terminal; name a file, or use -f");
    }
    const auto sink = test ? NullSink() : OpenSink(output, request_.force);
    ProgressLine line(request_.quiet);
    const CodecOptions options{request_.threads, [&](uint64_t original, uint64_t file) {
                                 if (interrupted_) throw Interrupted{};
                                 ShowProgress(&line, *source, original, file);
                               }};
    const ContainerStats stats = compress ? Compress(*source, *sink, model_, options)
                                          : Decompress(*source, *sink, model_, options);
    sink->Commit();
    line.Clear();
    if (request_.verbose) {
      const double kb_s =
          static_cast<double>(stats.original_bytes) / 1e3 / std::max(line.elapsed_s(), 1e-6);
      fmt::print(stderr, "{}: {} -> {} bytes{}, {:.1f} KB/s{}\n", source->name(),
                 compress ? stats.original_bytes : stats.file_bytes,
                 compress ? stats.file_bytes : stats.original_bytes, Rate(stats), kb_s,
                 test ? ", sound" : "");
    }
    if (request_.remove_input && !test && input != kStandard && output != kStandard) {
      std::filesystem::remove(input);
    }
  }

  struct Interrupted {};

 private:
  void ShowProgress(ProgressLine* line, const ByteSource& source, uint64_t original,
                    uint64_t file) const {
    const bool compress = request_.action == Action::kCompress;
    std::optional<double> fraction;
    if (const auto size = source.size_bytes(); size && *size > 0) {
      fraction = static_cast<double>(compress ? original : file) / static_cast<double>(*size);
    }
    const double seconds = std::max(line->elapsed_s(), 1e-6);
    line->Show(fraction, fmt::format("{}  {} -> {}  {:.1f} KB/s", source.name(),
                                     FormatBytes(static_cast<double>(compress ? original : file)),
                                     FormatBytes(static_cast<double>(compress ? file : original)),
                                     static_cast<double>(original) / 1e3 / seconds));
  }

  static std::string Rate(const ContainerStats& stats) {
    if (stats.original_bytes == 0) return "";
    const double rate =
        static_cast<double>(stats.file_bytes) / static_cast<double>(stats.original_bytes);
    return fmt::format(" ({:.2f} %, {:.3f} bpb)", 100 * rate, 8 * rate);
  }

  static void List(const std::string& input) {
    const auto source = OpenSource(input);
    const FileInfo info = ReadFileInfo(*source);
    const ContainerStats& t = info.totals;
    fmt::print("{}\n", source->name());
    fmt::print("  original    {} bytes\n", t.original_bytes);
    fmt::print("  compressed  {} bytes{}: payload {}, headers {}\n", t.file_bytes, Rate(t),
               t.payload_bytes, t.header_bytes());
    fmt::print("  segments    {}: {} model, {} order-2, {} stored\n", t.segments,
               t.method_segments[2], t.method_segments[1], t.method_segments[0]);
    fmt::print("  model       {}\n",
               info.header.has_model()
                   ? fmt::format("{} (contract {}, context {})", Hex(info.header.model_id),
                                 info.header.contract_version, info.header.context)
                   : "none");
  }

  const Request& request_;
  const StreamModel* model_;
  const std::atomic<bool>& interrupted_;
};

int Run(int argc, const char* const* argv, bool decompress) {
  cxxopts::Options options = MakeOptions(decompress);
  const cxxopts::ParseResult args =
      ParseOptions(&options, argc, argv, {"Model", "What to do", "Files", "Run"},
                   decompress ? kDecompressEpilogue : kCompressEpilogue);
  const Request request = ParseRequest(args, decompress);
  const Kernels kernels = ParseKernels(args["kernels"].as<std::string>());

  std::unique_ptr<ExactNetwork> network;
  std::optional<StreamModel> model;
  if (args.count("ckpt") > 0 && request.action != Action::kList) {
    network =
        std::make_unique<ExactNetwork>(LoadModel(args["ckpt"].as<std::string>()).model, kernels);
    model = LmStreamModel(*network);
  } else if (request.action == Action::kCompress) {
    throw UsageError("compress needs a model: --ckpt CKPT; occam train makes one");
  }

  FileWorker worker(request, model ? &*model : nullptr);
  int code = 0;
  for (const std::string& file : request.files) {
    try {
      worker.Work(file);
    } catch (const FileWorker::Interrupted&) {
      return kInterruptedExitCode;
    } catch (const Error& e) {
      // One bad file does not keep the others from being worked on; the first failure is the exit
      // code.
      if (request.files.size() == 1) throw;
      fmt::print(stderr, "occam: {}\n", e.what());
      if (code == 0) code = static_cast<int>(e.kind());
    }
  }
  return code;
}

}  // namespace

int CompressCommand(int argc, const char* const* argv) {
  return Run(argc, argv, /*decompress=*/false);
}
int DecompressCommand(int argc, const char* const* argv) {
  return Run(argc, argv, /*decompress=*/true);
}

}  // namespace occam
