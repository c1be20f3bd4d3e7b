// occam compress and occam decompress, with the habits of gzip, xz and zstd.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coder/archive/decompressor.h"
#include "coder/container/archives.h"
#include "coder/container/container_format.h"
#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/base/printable.h"
#include "data/base/units.h"
#include "data/json_text.h"
#include "occam/occam.h"
#include "tools/command.h"
#include "tools/commands/compress/compress_options.h"
#include "tools/model_source.h"
#include "tools/progress.h"

namespace occam {
namespace {

// A file or pipe as the library reads it.
class SourceReader final : public Reader {
 public:
  explicit SourceReader(ByteSource& source) : source_(source) {}
  size_t Read(std::span<uint8_t> out) override { return source_.Read(out); }
  std::optional<uint64_t> size() const override { return source_.size_bytes(); }
  void Seek(uint64_t position) override { source_.Seek(position); }
  std::string name() const override { return source_.name(); }

 private:
  ByteSource& source_;
};

class SinkWriter final : public Writer {
 public:
  explicit SinkWriter(ByteSink& sink) : sink_(sink) {}
  void Write(std::span<const uint8_t> bytes) override { sink_.Write(bytes); }
  std::string name() const override { return sink_.name(); }

 private:
  ByteSink& sink_;
};

// The known part of a model's id: short files tell 8 bytes of it.
std::string IdText(const ArchiveInfo& info) {
  const std::span<const uint8_t> id(info.model_id);
  const auto rest = id.subspan(kShortIdBytes);
  const bool known = std::ranges::any_of(rest, [](uint8_t byte) { return byte != 0; });
  return Hex(known ? id : id.first(kShortIdBytes));
}

bool NeedsDictionary(const ArchiveInfo& info) {
  return std::ranges::any_of(info.dictionary_id, [](uint8_t byte) { return byte != 0; });
}

uint64_t HeaderBytes(const Stats& stats) {
  return stats.file_bytes - stats.payload_bytes - stats.model_bytes;
}

std::string Rate(const Stats& stats) {
  if (stats.original_bytes == 0) return "";
  const double rate =
      static_cast<double>(stats.file_bytes) / static_cast<double>(stats.original_bytes);
  return fmt::format(" ({:.2f} %, {:.3f} bpb, {:.2f} : 1)", 100 * rate, 8 * rate, 1 / rate);
}

// One line for each range that is missing, and for each damage that cost nothing.
void PrintDamage(const std::string& source, const std::vector<Damage>& damage) {
  const std::string known = source + " is damaged: ";
  const std::string name = Printable(source);
  for (const Damage& d : damage) {
    const std::string why =
        Printable(d.why.starts_with(known) ? d.why.substr(known.size()) : d.why);
    if (!d.end) {
      fmt::print(stderr, "occam: what followed byte {} of {} is missing: {}\n", d.begin, name, why);
    } else if (*d.end > d.begin) {
      fmt::print(stderr, "occam: bytes {}:{} of {} are missing: {}\n", d.begin, *d.end, name, why);
    } else {
      fmt::print(stderr, "occam: {}\n", Printable(d.why));
    }
  }
}

nlohmann::ordered_json ListJson(const std::string& name, const ArchiveInfo& info) {
  using Json = nlohmann::ordered_json;
  const Stats& t = info.stats;
  const auto known = [](uint64_t number) {
    return number == OCCAM_UNKNOWN ? Json(nullptr) : Json(number);
  };
  return {{"file", name},
          {"original_bytes", t.original_bytes},
          {"file_bytes", t.file_bytes},
          {"payload_bytes", t.payload_bytes},
          {"model_bytes", t.model_bytes},
          {"header_bytes", HeaderBytes(t)},
          {"segments", t.segments},
          {"model_segments", t.model_segments},
          {"order2_segments", t.order2_segments},
          {"stored_segments", t.stored_segments},
          {"expert_segments", t.expert_segments},
          {"sound_segments", t.sound_segments},
          {"photo_segments", t.photo_segments},
          {"contract_version", info.contract},
          {"model_id", info.has_model != 0 ? Json(IdText(info)) : Json(nullptr)},
          {"embeds_model", info.embeds_model != 0},
          {"dictionary_id", NeedsDictionary(info) ? Json(Hex(info.dictionary_id)) : Json(nullptr)},
          {"mode", ModeName(static_cast<ContextMode>(info.mode))},
          {"context", info.context},
          {"lanes", info.lanes},
          {"lane_symbols", info.lane_symbols},
          {"restoring_memory_bytes", known(info.memory)},
          {"restoring_multiplications", known(info.multiplications)},
          {"archives", info.archives}};
}

void PrintSizes(const Stats& t) {
  fmt::print("  original    {} bytes\n", t.original_bytes);
  fmt::print("  compressed  {} bytes{}: payload {}, {}headers {}\n", t.file_bytes, Rate(t),
             t.payload_bytes, t.model_bytes != 0 ? fmt::format("model {}, ", t.model_bytes) : "",
             HeaderBytes(t));
  fmt::print("  segments    {}: {} model, {} expert, {} sound, {} photo, {} order-2, {} stored\n",
             t.segments, t.model_segments, t.expert_segments, t.sound_segments, t.photo_segments,
             t.order2_segments, t.stored_segments);
}

void PrintCosts(const ArchiveInfo& info) {
  fmt::print("  restoring   {}\n",
             info.memory == OCCAM_UNKNOWN
                 ? "takes what its model takes, which is neither in the file nor built in"
                 : fmt::format("takes {} bytes of memory or more, and {} multiplications",
                               info.memory, info.multiplications));
}

void PrintList(const std::string& name, const ArchiveInfo& info) {
  fmt::print("{}\n", Printable(name));
  PrintSizes(info.stats);
  fmt::print("  model       {}\n",
             info.has_model != 0 ? fmt::format("{} (contract {}){}", IdText(info), info.contract,
                                               info.embeds_model != 0 ? ", in the file" : "")
                                 : "none");
  if (NeedsDictionary(info)) fmt::print("  dictionary  {}\n", Hex(info.dictionary_id));
  fmt::print("  contexts    {}, {} symbols; a full segment has {} lane{} of {} symbols at most\n",
             ModeName(static_cast<ContextMode>(info.mode)), info.context, info.lanes,
             info.lanes == 1 ? "" : "s", info.lane_symbols);
  PrintCosts(info);
}

int List(const std::string& input, bool as_json, const std::atomic<bool>& interrupted) {
  const auto source = OpenSource(input, &interrupted);
  const std::string name = source->name();
  SourceReader reader(*source);
  const std::vector<ArchiveInfo> all = ListArchives(reader);
  const ArchiveInfo total = SumOfArchives(all);
  if (as_json) {
    nlohmann::ordered_json json = ListJson(name, total);
    if (all.size() > 1) {
      json["each"] = nlohmann::ordered_json::array();
      for (size_t i = 0; i < all.size(); ++i)
        json["each"].push_back(ListJson(ArchiveName(name, i), all[i]));
    }
    fmt::print("{}\n", JsonText(json));
    return 0;
  }
  for (size_t i = 0; i < all.size(); ++i) PrintList(ArchiveName(name, i), all[i]);
  if (all.size() > 1) {
    fmt::print("{}, all {} archives\n", Printable(name), all.size());
    PrintSizes(total.stats);
    PrintCosts(total);
  }
  return 0;
}

// The library does not know which of several files a record is.
template <typename Act>
auto WithName(const std::string& name, const Act& act) {
  try {
    return act();
  } catch (const Error& error) {
    throw Error(error.kind(), name + ": " + error.what());
  }
}

// The bytes of a dictionary that are used.
Bytes ReadDictionary(const std::string& path) {
  if (path.empty()) return {};
  const auto source = OpenSource(path);
  const std::optional<uint64_t> size = source->size_bytes();
  const uint64_t used = std::min<uint64_t>(size.value_or(0), kMaxDictionaryBytes);
  if (!size || !source->Seek(*size - used))
    throw UsageError(fmt::format("the dictionary {} is no regular file", source->name()));
  if (used == 0) throw UsageError(fmt::format("the dictionary {} is empty", source->name()));
  Bytes bytes(used);
  if (source->Read(bytes) != used)
    throw IoError(fmt::format("the dictionary {} changed while it was read", source->name()));
  return bytes;
}

// Runs one file through the library, with progress, and prints its line with -v.
class FileWorker {
 public:
  // `model` may be null: the default, or what a file holds or names.
  FileWorker(const CompressOptions& request, const Model* model, Bytes dictionary)
      : request_(request),
        model_(model),
        dictionary_(std::move(dictionary)),
        interrupted_(CatchInterrupts()) {}

  // The exit code: not 0 where --keep-going met damage.
  int Work(const std::string& input) {
    if (request_.action == Action::kList) return List(input, request_.json, interrupted_);
    const auto source = OpenSource(input, &interrupted_);
    const bool test = request_.action == Action::kTest;
    const std::string output = test ? "" : OutputName(request_, input);
    const bool compress = request_.action == Action::kCompress;
    if (!test) CheckOutput(request_, output);
    if (compress && output == kStandard && ::isatty(STDOUT_FILENO) == 1 && !request_.force) {
      throw UsageError("compressed data would go to the terminal; name a file, or use -f");
    }
    const auto sink = test ? NullSink() : OpenSink(output, request_.force);
    const auto attributes = source->attributes();
    if (attributes) sink->SetAttributes(*attributes);
    ProgressLine line(request_.quiet);
    std::vector<Damage> damage;
    const Stats stats = Run(*source, *sink, &line, &damage);
    sink->Commit();
    line.Clear();
    if (request_.verbose) PrintLine(*source, stats, damage.empty(), line.elapsed_s());
    PrintDamage(source->name(), damage);
    if (!damage.empty()) return ExitCode(ErrorKind::kDamaged);
    if (attributes && RemovesInput(request_, input, output)) RemoveRead(input, *attributes);
    return 0;
  }

  bool interrupted() const { return interrupted_; }

 private:
  Stats Run(ByteSource& source, ByteSink& sink, ProgressLine* line, std::vector<Damage>* damage) {
    Options options;
    options.model = model_;
    options.no_model = request_.no_model;
    options.mode = static_cast<Mode>(ModeFor());
    options.lanes = request_.lanes;
    options.embed_model = request_.embed_model;
    options.threads = request_.threads;
    options.memory = request_.memory_bytes;
    options.dictionary = dictionary_;
    options.photo_width = request_.photo_width;
    options.photo_channels = request_.photo_channels;
    options.plain_kernels = request_.kernels == Kernels::kPlain;
    const auto progress = [&](uint64_t original, uint64_t file) {
      if (!interrupted_) ShowProgress(line, source, original, file);
      return !interrupted_;
    };
    if (request_.raw_frame) return RunFrame(source, sink, progress);
    options.progress = progress;
    if (request_.keep_going) options.damage = [damage](const Damage& d) { damage->push_back(d); };
    SourceReader reader(source);
    SinkWriter writer(sink);
    if (request_.action == Action::kCompress) return CompressStream(reader, writer, options);
    if (!request_.range) return DecompressStream(reader, writer, options);
    return DecompressRangeStream(reader, writer, request_.range->offset, request_.range->length,
                                 options);
  }

  // The mode asked for, or the smallest that the model has.
  ContextMode ModeFor() const {
    const bool of_bytes = model_ == nullptr || model_->info().vocabulary == 256;
    return request_.mode.value_or(of_bytes ? ContextMode::kAdaptive : ContextMode::kCarried);
  }

  // A record and its bare frame, whichever way. One codec serves all of them, so that a dictionary
  // is learned once.
  using Progress = std::function<bool(uint64_t original_bytes, uint64_t file_bytes)>;
  Stats RunFrame(ByteSource& source, ByteSink& sink, const Progress& progress) {
    if (!records_) {
      records_ = std::make_unique<RecordCodec>(
          *model_, request_.check_bytes,
          [this](uint64_t original, uint64_t file) { return record_progress_(original, file); },
          dictionary_);
    }
    record_progress_ = progress;
    const bool compress = request_.action == Action::kCompress;
    // A byte more than there may be, so that it is seen.
    Bytes input(OCCAM_RECORD_MAX + OCCAM_FRAME_MAX + 1);
    input.resize(source.Read(input));
    const Bytes output = WithName(source.name(), [&] {
      return compress ? records_->Encode(input) : records_->Decode(input);
    });
    sink.Write(output);
    Stats stats = occam_stats_init();
    stats.original_bytes = compress ? input.size() : output.size();
    stats.file_bytes = compress ? output.size() : input.size();
    stats.payload_bytes = stats.file_bytes;
    return stats;
  }

  void PrintLine(const ByteSource& source, const Stats& stats, bool sound, double elapsed_s) const {
    const bool compress = request_.action == Action::kCompress;
    const std::string parts =
        stats.model_bytes == 0 ? ""
                               : fmt::format(", data {}, model {}, headers {}", stats.payload_bytes,
                                             stats.model_bytes, HeaderBytes(stats));
    fmt::print(stderr, "{}: {} -> {} bytes{}{}, {:.1f} KB/s{}\n", Printable(source.name()),
               compress ? stats.original_bytes : stats.file_bytes,
               compress ? stats.file_bytes : stats.original_bytes, Rate(stats), parts,
               static_cast<double>(stats.original_bytes) / 1e3 / std::max(elapsed_s, 1e-6),
               request_.action == Action::kTest && sound ? ", sound" : "");
  }

  void ShowProgress(ProgressLine* line, const ByteSource& source, uint64_t original,
                    uint64_t file) const {
    const bool compress = request_.action == Action::kCompress;
    std::optional<double> fraction;
    if (const auto size = source.size_bytes(); size && *size > 0) {
      fraction = static_cast<double>(compress ? original : file) / static_cast<double>(*size);
    }
    const double seconds = std::max(line->elapsed_s(), 1e-6);
    line->Show(fraction, fmt::format("{}  {} -> {}  {:.1f} KB/s", Printable(source.name()),
                                     FormatBytes(static_cast<double>(compress ? original : file)),
                                     FormatBytes(static_cast<double>(compress ? file : original)),
                                     static_cast<double>(original) / 1e3 / seconds));
  }

  const CompressOptions& request_;
  const Model* model_;
  const Bytes dictionary_;
  const std::atomic<bool>& interrupted_;
  std::unique_ptr<RecordCodec> records_;  // made for the first one
  Progress record_progress_;              // of the record at work
};

int Run(const CompressOptions& request) {
  CheckFiles(request);
  const bool plain = request.kernels == Kernels::kPlain;
  std::optional<Model> model;
  if (!request.model.empty() && request.action != Action::kList) {
    model =
        WithMemoryHint([&] { return LoadDoorModel(request.model, plain, request.memory_bytes); });
  } else if ((request.action == Action::kCompress || request.raw_frame) && !request.no_model) {
    model = Model::BuiltIn(request.built_in, plain);  // once for all files
  }

  FileWorker worker(request, model ? &*model : nullptr, ReadDictionary(request.dictionary));
  int code = 0;
  // One bad file does not keep the others from being worked on; the first failure is the exit code.
  for (const std::string& file : request.files) {
    int result = 0;
    try {
      result = WithMemoryHint([&] { return worker.Work(file); });
    } catch (...) {
      if (worker.interrupted()) return kInterruptedExitCode;
      result = ReportFailure("occam: ");
    }
    if (code == 0) code = result;
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
