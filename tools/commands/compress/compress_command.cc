// occam compress and occam decompress, with the habits of gzip, xz and zstd.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "coder/archive/compressor.h"
#include "coder/archive/decompressor.h"
#include "coder/archive/salvage.h"
#include "coder/predict/network_predictor.h"
#include "coder/weights/model_codec.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/base/units.h"
#include "model/exact/network.h"
#include "tools/command.h"
#include "tools/commands/compress/compress_options.h"
#include "tools/model_source.h"
#include "tools/progress.h"

namespace occam {
namespace {

// Runs one file through Compress or Decompress, with progress, and prints its line with -v.
class FileWorker {
 public:
  // `model` may be null. `embedded_model`: what compressed files are to carry, empty: nothing.
  FileWorker(const CompressOptions& request, const CodecModel* model,
             std::span<const uint8_t> embedded_model)
      : request_(request),
        model_(model),
        embedded_model_(embedded_model),
        interrupted_(CatchInterrupts()) {}

  // The exit code: not 0 where --keep-going met damage.
  int Work(const std::string& input) {
    if (request_.action == Action::kList) return List(input);
    const auto source = OpenSource(input, &interrupted_);
    const bool test = request_.action == Action::kTest;
    const std::string output = test ? "" : OutputName(request_, input);
    const bool compress = request_.action == Action::kCompress;
    if (compress && output == kStandard && ::isatty(STDOUT_FILENO) == 1 && !request_.force) {
      throw UsageError("compressed data would go to the terminal; name a file, or use -f");
    }
    const auto sink = test ? NullSink() : OpenSink(output, request_.force);
    if (const auto attributes = source->attributes()) sink->SetAttributes(*attributes);
    ProgressLine line(request_.quiet);
    const CodecOptions options{request_.threads,
                               [&](uint64_t original, uint64_t file) {
                                 if (interrupted_) throw Interrupted{};
                                 ShowProgress(&line, *source, original, file);
                               },
                               request_.mode, embedded_model_};
    SalvageReport report;
    if (compress) {
      report.stats = Compress(*source, *sink, model_, options);
    } else {
      report = Restore(*source, *sink, options);
    }
    sink->Commit();
    line.Clear();
    if (request_.verbose) PrintLine(*source, report, line.elapsed_s());
    PrintDamage(source->name(), report);
    const bool files = !test && input != kStandard && output != kStandard;
    if (request_.remove_input && files && report.sound()) std::filesystem::remove(input);
    return report.sound() ? 0 : static_cast<int>(ErrorKind::kDamaged);
  }

  struct Interrupted {};
  bool interrupted() const { return interrupted_; }

 private:
  SalvageReport Restore(ByteSource& source, ByteSink& sink, const CodecOptions& options) {
    const auto find = [&](const FileHeader& header, std::span<const uint8_t> embedded) {
      if (!embedded.empty()) return FileModel(header, embedded, source.name());
      return model_ != nullptr ? model_ : ModelOfTheProgram(header);
    };
    if (request_.keep_going) return DecompressKeepGoing(source, sink, find, options);
    SalvageReport report;
    report.stats = request_.range ? DecompressRange(source, sink, find, *request_.range, options)
                                  : Decompress(source, sink, find, options);
    return report;
  }

  // The model that a file holds. One that is given beside it must be the same.
  const CodecModel* FileModel(const FileHeader& header, std::span<const uint8_t> embedded,
                              const std::string& name) {
    if (model_ != nullptr && model_->model_id != header.model_id) {
      throw UsageError(
          fmt::format("{} holds its model, {}, which is not that of {}, {}; leave "
                      "--ckpt out",
                      name, Hex(std::span(header.model_id).first(8)), request_.model,
                      Hex(std::span(model_->model_id).first(8))));
    }
    file_model_.reset();
    file_model_.emplace(embedded, name + ", its model", request_.kernels);
    return &file_model_->codec_model();
  }

  // Null where it is none of the program's.
  const CodecModel* ModelOfTheProgram(const FileHeader& header) {
    if (!program_model_ || program_model_->codec_model().model_id != header.model_id) {
      std::optional<QuantizedModel> model = FindBuiltInModel(header.model_id);
      if (!model) return nullptr;
      program_model_.emplace(std::move(*model), request_.kernels);
    }
    return &program_model_->codec_model();
  }

  void PrintLine(const ByteSource& source, const SalvageReport& report, double elapsed_s) const {
    const ContainerStats& stats = report.stats;
    const bool compress = request_.action == Action::kCompress;
    const std::string parts =
        stats.model_bytes == 0 ? ""
                               : fmt::format(", data {}, model {}, headers {}", stats.payload_bytes,
                                             stats.model_bytes, stats.header_bytes());
    fmt::print(stderr, "{}: {} -> {} bytes{}{}, {:.1f} KB/s{}\n", source.name(),
               compress ? stats.original_bytes : stats.file_bytes,
               compress ? stats.file_bytes : stats.original_bytes, Rate(stats), parts,
               static_cast<double>(stats.original_bytes) / 1e3 / std::max(elapsed_s, 1e-6),
               request_.action == Action::kTest && report.sound() ? ", sound" : "");
  }

  // One line for each range that is missing, and for each damage that cost nothing.
  static void PrintDamage(const std::string& name, const SalvageReport& report) {
    const std::string known = name + " is damaged: ";
    for (const MissingRange& range : report.missing) {
      const std::string why =
          range.why.starts_with(known) ? range.why.substr(known.size()) : range.why;
      if (range.end) {
        fmt::print(stderr, "occam: bytes {}:{} of {} are missing: {}\n", range.begin, *range.end,
                   name, why);
      } else {
        fmt::print(stderr, "occam: what followed byte {} of {} is missing: {}\n", range.begin, name,
                   why);
      }
    }
    for (const std::string& remark : report.remarks) fmt::print(stderr, "occam: {}\n", remark);
  }

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
    return fmt::format(" ({:.2f} %, {:.3f} bpb, {:.2f} : 1)", 100 * rate, 8 * rate, 1 / rate);
  }

  int List(const std::string& input) const {
    const auto source = OpenSource(input, &interrupted_);
    const FileInfo info = ReadFileInfo(*source);
    const ContainerStats& t = info.totals;
    fmt::print("{}\n", source->name());
    fmt::print("  original    {} bytes\n", t.original_bytes);
    fmt::print("  compressed  {} bytes{}: payload {}, {}headers {}\n", t.file_bytes, Rate(t),
               t.payload_bytes,
               info.model.empty() ? "" : fmt::format("model {}, ", info.model.size()),
               t.header_bytes());
    fmt::print("  segments    {}: {} model, {} order-2, {} stored\n", t.segments,
               t.method_segments[2], t.method_segments[1], t.method_segments[0]);
    fmt::print(
        "  model       {}\n",
        info.header.has_model()
            ? fmt::format("{} (contract {}){}", Hex(info.header.model_id),
                          info.header.contract_version, info.model.empty() ? "" : ", in the file")
            : "none");
    fmt::print("  contexts    {}, {} symbols; {} lanes a full segment, {} symbols each at most\n",
               ModeName(info.header.mode), info.header.context, info.header.lanes,
               info.header.lane_symbols);
    return 0;
  }

  const CompressOptions& request_;
  const CodecModel* model_;
  std::span<const uint8_t> embedded_model_;
  std::optional<LoadedModel> file_model_;     // of the file that is being restored
  std::optional<LoadedModel> program_model_;  // a built-in one that a file needed
  const std::atomic<bool>& interrupted_;
};

int Run(const CompressOptions& request) {
  std::unique_ptr<ExactNetwork> network;
  std::optional<CodecModel> model;
  Bytes embedded;
  // Without --ckpt, compressing takes the program's default; to restore, the file tells its model.
  if (request.action == Action::kCompress ||
      (!request.model.empty() && request.action != Action::kList)) {
    network = std::make_unique<ExactNetwork>(LoadModel(request.model).model, request.kernels);
    model = NetworkCodecModel(*network);
    if (request.embed_model) embedded = EncodeModel(network->model()).bytes;
  }

  FileWorker worker(request, model ? &*model : nullptr, embedded);
  int code = 0;
  for (const std::string& file : request.files) {
    try {
      const int result = worker.Work(file);
      if (code == 0) code = result;
    } catch (const FileWorker::Interrupted&) {
      return kInterruptedExitCode;
    } catch (const Error& e) {
      if (worker.interrupted()) return kInterruptedExitCode;
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
  return Run(ParseCompressOptions(argc, argv, /*decompress=*/false));
}
int DecompressCommand(int argc, const char* const* argv) {
  return Run(ParseCompressOptions(argc, argv, /*decompress=*/true));
}

}  // namespace occam
