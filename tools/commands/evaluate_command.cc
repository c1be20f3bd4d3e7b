// occam evaluate: what a model is worth on a file, its own bytes charged.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "coder/archive/compressor.h"
#include "coder/archive/context_curve.h"
#include "coder/baselines/baselines.h"
#include "coder/predict/network_predictor.h"
#include "coder/weights/ledger.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/file_plan.h"
#include "data/base/format.h"
#include "data/base/printable.h"
#include "data/base/thread_team.h"
#include "data/base/units.h"
#include "data/corpus.h"
#include "data/file_list.h"
#include "data/json_text.h"
#include "data/tokenizer/tokenizer.h"
#include "model/exact/network.h"
#include "model/parameters.h"
#include "occam/occam.h"
#include "tools/command.h"
#include "tools/commands/compress/compress_options.h"
#include "tools/model_source.h"
#include "tools/option_table.h"
#include "tools/progress.h"
#include "train/shard_workers.h"

namespace occam {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kEpilogue[] =
    "Compresses the bytes with the exact network, restores and compares them, and charges the "
    "model: by its real bytes,\n"
    "entropy-coded, and, as Deletang et al. (2024) do, by 2 bytes a parameter. gzip and xz work on "
    "the "
    "same bytes, whole and\n"
    "in 2048-byte chunks without headers. Without --bytes, a checkpoint is evaluated on what it "
    "was not trained on,\n"
    "and any model on the validation part of a prepared set.\n"
    "\n"
    "Examples:\n"
    "  evaluate --ckpt wiki-3M.h5 --data wiki64.txt.xz\n"
    "  evaluate --ckpt wiki-3M.occm --data book.txt --bytes 0:1M --json\n"
    "  evaluate --ckpt wiki-3M.occm --data book.txt --curve curve.csv   # what context is worth\n";

cxxopts::Options MakeOptions() {
  cxxopts::Options options("evaluate", "Measures what a model is worth on a file.\n");
  AddOptions(
      &options, "What",
      {
          {"ckpt", "CKPT", Text(),
           "The model: a checkpoint (.h5) or .occm (default: the built-in one)"},
          {"data", "TEXT", Text(),
           "Corpus: a file, a folder, a glob (.gz .xz .zst are unpacked), - for standard input, a "
           "prepared set (.set), "
           "or enwik8, enwik9 once fetched"},
          {"bytes", "RANGE", Text(), "Bytes of it, BEGIN:END"},
          {"mode", "MODE", Text("chunked"),
           "chunked, carried, adaptive or long, as compress has it"},
          {"float",
           "Also the cross-entropy of the float network, which codes nothing (of 7-bit symbols "
           "without the bits that they lose); needs a checkpoint"},
          {"curve", "OUT.csv", Text(),
           "Also write to this file (CSV) the mean bits of the first, second, ... byte of a fresh "
           "chunk (of 7-bit symbols without the bits that they lose)"},
      });
  AddOptions(&options, "Run",
             {
                 ThreadsOption(),
                 MemoryOption(),
                 {"json", "Print JSON"},
                 {"f,force", "Overwrite the file of --curve"},
                 {"q,quiet", "No progress line"},
             });
  return options;
}

// Whether a model saw the bytes in training.
enum class Seen { kUnknown, kHeldOut, kInSample, kMixed };

const char* SeenText(Seen seen) {
  switch (seen) {
    case Seen::kUnknown:
      return "unknown whether held out";
    case Seen::kHeldOut:
      return "held out";
    case Seen::kInSample:
      return "in-sample";
    case Seen::kMixed:
      return "partly in-sample";
  }
  return "?";
}

struct Selection {
  ByteRange range;
  Seen seen = Seen::kUnknown;
};

// Held-out and in-sample are never mixed in one number: where the model was trained on a part of
// this very corpus, the default is the longest part that it was not trained on; of a prepared set
// its validation part.
Selection Select(const Corpus& corpus, const ModelSource& source,
                 const cxxopts::ParseResult& args) {
  const auto size = static_cast<int64_t>(corpus.bytes.size());
  Selection selection{{0, size}, Seen::kUnknown};
  std::optional<ByteRange> trained;
  if (source.checkpoint) {
    for (const TrainingSource& s : source.checkpoint->provenance.sources) {
      if (s.train.begin < s.train.end && s.train.end <= size &&
          Hex(corpus.DigestOf(s.train)) == s.train_sha256)
        trained = s.train;
    }
  }
  if (args.count("bytes") > 0) {
    selection.range = ParseByteRange(args["bytes"].as<std::string>(), size, "--bytes");
  } else if (corpus.set && corpus.set->validation_bytes > 0) {
    selection.range = corpus.set->validation();
  } else if (trained && trained->size() < size) {
    selection.range = size - trained->end >= trained->begin ? ByteRange{trained->end, size}
                                                            : ByteRange{0, trained->begin};
  }
  if (trained) {
    const ByteRange& r = selection.range;
    const int64_t overlap = std::min(r.end, trained->end) - std::max(r.begin, trained->begin);
    selection.seen = overlap <= 0          ? Seen::kHeldOut
                     : overlap == r.size() ? Seen::kInSample
                                           : Seen::kMixed;
  }
  return selection;
}

// One line of the table.
struct Row {
  std::string name;
  uint64_t bytes = 0;
};

struct Evaluation {
  Ledger ledger;
  ContextMode mode = ContextMode::kChunked;
  // Payload if the model coded every segment, where it does not: other methods hide what it makes
  // of data that is foreign to it.
  std::optional<uint64_t> model_alone_bytes;
  double compress_s = 0;
  double decompress_s = 0;
  std::vector<Row> baselines;
  std::optional<double> float_bpb;
};

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::max(std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count(),
                  1e-9);
}

// Throws kUsage, kIo where --curve would replace a file.
void CheckFiles(const cxxopts::ParseResult& args) {
  const std::string curve = TextOf(args, "curve");
  if (curve.empty()) return;
  FilePlan plan;
  if (args.count("ckpt") > 0) plan.Read(TextOf(args, "ckpt"), "the model");
  for (const std::string& file : CorpusFiles(TextOf(args, "data"))) plan.Read(file, "data");
  plan.Write(curve, "the curve");
  if (args.count("force") == 0 && FileExists(curve))
    throw IoError(curve + " exists already; use -f to overwrite it");
}

struct Interrupted {};

// Throws Interrupted.
ProgressFn ShowsProgress(ProgressLine* line, const char* what, uint64_t total,
                         const std::atomic<bool>& interrupted) {
  return [=, &interrupted](uint64_t original, uint64_t file) {
    if (interrupted) throw Interrupted{};
    line->Show(static_cast<double>(original) / static_cast<double>(std::max<uint64_t>(total, 1)),
               fmt::format("{} {}, {} coded", what, FormatBytes(static_cast<double>(original)),
                           FormatBytes(static_cast<double>(file))));
  };
}

class BytesWriter final : public Writer {
 public:
  void Write(std::span<const uint8_t> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// Options of the door that tell progress.
Options DoorOptions(const Model& model, int threads, uint64_t memory_bytes, ContextMode mode,
                    const ProgressFn& progress) {
  Options options;
  options.model = &model;
  options.mode = static_cast<Mode>(mode);
  options.threads = threads;
  options.memory = memory_bytes;
  options.progress = [progress](uint64_t original, uint64_t file) {
    progress(original, file);
    return true;
  };
  return options;
}

// Compresses, restores, compares.
void CodeWithModel(const QuantizedModel& quantized, const Model& model,
                   std::span<const uint8_t> bytes, int threads, uint64_t memory_bytes, bool quiet,
                   Evaluation* evaluation) {
  const std::atomic<bool>& interrupted = CatchInterrupts();
  BytesWriter coded;
  BytesWriter restored;
  Stats stats = occam_stats_init();
  {
    ProgressLine line(quiet);
    BytesReader source(bytes);
    const auto start = std::chrono::steady_clock::now();
    stats =
        CompressStream(source, coded,
                       DoorOptions(model, threads, memory_bytes, evaluation->mode,
                                   ShowsProgress(&line, "compressing", bytes.size(), interrupted)));
    evaluation->compress_s = Seconds(start);
  }
  {
    ProgressLine line(quiet);
    BytesReader source(coded.bytes());
    const auto start = std::chrono::steady_clock::now();
    DecompressStream(source, restored,
                     DoorOptions(model, threads, memory_bytes, evaluation->mode,
                                 ShowsProgress(&line, "restoring", bytes.size(), interrupted)));
    evaluation->decompress_s = Seconds(start);
  }
  if (!std::ranges::equal(restored.bytes(), bytes))
    throw InternalError("the restored bytes differ from the original");
  if (stats.model_segments < stats.segments) {
    ProgressLine line(quiet);
    const ExactNetwork network(quantized, Kernels::kFast);
    evaluation->model_alone_bytes = ModelPayloadBytes(
        bytes, NetworkCodecModel(network),
        {.threads = threads,
         .progress = ShowsProgress(&line, "the model alone", bytes.size(), interrupted),
         .mode = evaluation->mode,
         .memory_bytes = memory_bytes});
  }
  evaluation->ledger.original_bytes = stats.original_bytes;
  evaluation->ledger.payload_bytes = stats.payload_bytes;
  evaluation->ledger.lost_bit_bytes = stats.lost_bit_bytes;
  evaluation->ledger.header_bytes = stats.file_bytes - stats.payload_bytes - stats.model_bytes;
}

double FloatBitsPerByte(const Checkpoint& checkpoint, std::span<const uint8_t> bytes, int threads) {
  const std::atomic<bool>& interrupted = CatchInterrupts();
  ThreadTeam team(threads);
  ShardWorkers workers(checkpoint.config, 1, Precision::kFloat32, &team);
  const auto tokens =
      LoadTokenizer(checkpoint.tokenizer, "the checkpoint's tokenizer")->Encode(bytes);
  const auto nats_of = [&](std::span<const int32_t> part, int kind) {
    const auto nats =
        workers.ChunkedLoss({checkpoint.weights, checkpoint.memory}, part, &interrupted, kind);
    if (!nats) throw Interrupted{};
    return *nats;
  };
  // The kind of all contexts, where there are several: the best one of the first bytes.
  constexpr size_t kTried = 1 << 16;
  const auto tried = std::span<const int32_t>(tokens).first(std::min(kTried, tokens.size()));
  int best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int kind = 0; checkpoint.config.has_kinds() && kind < checkpoint.config.kind_count();
       ++kind) {
    const double nats = nats_of(tried, kind);
    if (nats < least) best = kind;
    least = std::min(least, nats);
  }
  return nats_of(tokens, best) / std::log(2.0) / static_cast<double>(bytes.size());
}

// The places of bytes in fresh chunks, the first is 1; no file is coded, but the frequencies are
// those that code.
void WriteCurve(const QuantizedModel& model, std::span<const uint8_t> bytes, int threads,
                bool quiet, const std::string& path) {
  const std::atomic<bool>& interrupted = CatchInterrupts();
  const ExactNetwork network(model, Kernels::kFast);
  ProgressLine line(quiet);
  const auto curve = MeasureContextCurve(network, bytes, threads,
                                         ShowsProgress(&line, "curve", bytes.size(), interrupted));
  std::string table = "byte,chunks,mean_bits,deviation_bits\n";
  for (size_t i = 0; i < curve.size(); ++i) {
    table += fmt::format("{},{},{:.6f},{:.6f}\n", i + 1, curve[i].chunks, curve[i].MeanBits(),
                         curve[i].DeviationBits());
  }
  WriteFile(path, std::span(reinterpret_cast<const uint8_t*>(table.data()), table.size()));
}

Json RateJson(uint64_t bytes, uint64_t original) {
  const double rate = static_cast<double>(bytes) / static_cast<double>(original);
  return {{"bytes", bytes}, {"rate", rate}, {"bits_per_byte", 8 * rate}};
}

void PrintJson(const Evaluation& e, const ModelSource& source, const Corpus& corpus,
               const Selection& selection, const Model& model) {
  const Ledger& l = e.ledger;
  const occam_model_info info = model.info();
  const ModelConfig& config = source.model.config;
  Json json{{"model", source.path},
            {"model_id", Hex(info.id)},
            {"kernels", info.kernels},
            {"parameters", l.parameters},
            {"model_bytes", l.model_bytes},
            {"data", corpus.name},
            {"begin", selection.range.begin},
            {"end", selection.range.end},
            {"seen", SeenText(selection.seen)},
            {"context", config.context},
            {"mode", ModeName(e.mode)},
            {"original_bytes", l.original_bytes},
            {"payload_bytes", l.payload_bytes},
            {"lost_bit_bytes", l.lost_bit_bytes},
            {"header_bytes", l.header_bytes},
            {"file_bytes", l.file_bytes()},
            {"raw_rate", l.RawRate()},
            {"bits_per_byte", l.BitsPerByte()},
            {"adjusted_rate", l.AdjustedRate()},
            {"adjusted_rate_2_bytes_a_parameter", l.PaperAdjustedRate()},
            {"compress_bytes_per_s", static_cast<double>(l.original_bytes) / e.compress_s},
            {"decompress_bytes_per_s", static_cast<double>(l.original_bytes) / e.decompress_s}};
  json["model_alone"] = RateJson(e.model_alone_bytes.value_or(l.payload_bytes), l.original_bytes);
  if (e.float_bpb) json["float_bits_per_byte"] = *e.float_bpb;
  for (const Row& row : e.baselines) {
    json["baselines"][row.name] = RateJson(row.bytes, l.original_bytes);
    const double break_even =
        BreakEvenBytes(l, static_cast<double>(row.bytes) / static_cast<double>(l.original_bytes));
    json["baselines"][row.name]["break_even_bytes"] =
        std::isfinite(break_even) ? Json(break_even) : Json(nullptr);
  }
  fmt::print("{}\n", JsonText(json, 2));
}

std::string BreakEvenText(const Ledger& ledger, const Row& row) {
  const double bytes = BreakEvenBytes(
      ledger, static_cast<double>(row.bytes) / static_cast<double>(ledger.original_bytes));
  return std::isfinite(bytes) ? "from " + FormatBytes(bytes) : "never";
}

void PrintTable(const Evaluation& e, const ModelSource& source, const Corpus& corpus,
                const Selection& selection, const Model& model) {
  const Ledger& l = e.ledger;
  const occam_model_info info = model.info();
  const ModelConfig& config = source.model.config;
  const auto percent = [](double rate) { return fmt::format("{:.2f} %", 100 * rate); };
  fmt::print("model  {}: {}\n", Printable(source.path), Describe(config));
  fmt::print("       {} bytes entropy-coded, id {}, kernels {}\n", l.model_bytes,
             Hex(info.id).substr(0, 16), info.kernels);
  fmt::print("data   {}, bytes {}:{} ({}), {}\n\n", Printable(corpus.name), selection.range.begin,
             selection.range.end, FormatBytes(static_cast<double>(l.original_bytes)),
             SeenText(selection.seen));
  fmt::print("{:<28} {:>12} {:>9} {:>8} {:>12} {:>14} {:>18}\n", "", "bytes", "raw rate", "bpb",
             "with model", "2 B/parameter", "model pays for it");
  const std::string name = e.mode != ContextMode::kChunked
                               ? fmt::format("Occam, contexts {}", ModeName(e.mode))
                               : fmt::format("Occam, {}-{} chunks", config.context,
                                             config.vocabulary == 256 ? "byte" : "token");
  fmt::print("{:<28} {:>12} {:>9} {:>8.4f} {:>12} {:>14}\n", name, l.file_bytes(),
             percent(l.RawRate()), l.BitsPerByte(), percent(l.AdjustedRate()),
             percent(l.PaperAdjustedRate()));
  if (l.lost_bit_bytes > 0) {
    const double rate =
        static_cast<double>(l.lost_bit_bytes) / static_cast<double>(l.original_bytes);
    fmt::print("{:<28} {:>12} {:>9} {:>8.4f}   of these, for the bits that 7-bit symbols lose\n",
               "  lost bits", l.lost_bit_bytes, percent(rate), 8 * rate);
  }
  if (e.model_alone_bytes) {
    const double rate =
        static_cast<double>(*e.model_alone_bytes) / static_cast<double>(l.original_bytes);
    fmt::print(
        "{:<28} {:>12} {:>9} {:>8.4f}   payload, where the file has segments by other methods\n",
        "  the model alone", *e.model_alone_bytes, percent(rate), 8 * rate);
  }
  if (e.float_bpb) {
    fmt::print("{:<28} {:>12} {:>9} {:>8.4f}   cross-entropy, no file: the float network\n",
               "  float network", "", percent(*e.float_bpb / 8), *e.float_bpb);
  }
  for (const Row& row : e.baselines) {
    const double rate = static_cast<double>(row.bytes) / static_cast<double>(l.original_bytes);
    fmt::print("{:<28} {:>12} {:>9} {:>8.4f} {:>12} {:>14} {:>18}\n", row.name, row.bytes,
               percent(rate), 8 * rate, percent(rate), percent(rate), BreakEvenText(l, row));
  }
  fmt::print(
      "\nRestored and compared: identical. compress {:.1f} KB/s, decompress {:.1f} KB/s.\n"
      "'model pays for it' is the size of data from which file and model together are smaller than "
      "that codec's file,\n"
      "if the rates stay what they are.\n",
      static_cast<double>(l.original_bytes) / 1e3 / e.compress_s,
      static_cast<double>(l.original_bytes) / 1e3 / e.decompress_s);
}

}  // namespace

namespace {

int Evaluate(int argc, const char* const* argv) {
  cxxopts::Options options = MakeOptions();
  const cxxopts::ParseResult args = ParseOptions(&options, argc, argv, {"What", "Run"}, kEpilogue);
  if (args.count("data") == 0) throw UsageError("evaluate needs --data; see evaluate --help");
  CatchInterrupts();
  const int threads = ThreadsFrom(args);
  const bool quiet = args.count("quiet") > 0;
  CheckFiles(args);
  const uint64_t memory_bytes = MemoryFrom(args, TextOf(args, "ckpt"));
  const ModelSource source = LoadModel(TextOf(args, "ckpt"), {memory_bytes, nullptr});
  if (args.count("float") > 0 && !source.checkpoint) {
    throw UsageError("--float needs a checkpoint (.h5): " + source.path +
                     " holds no float weights");
  }
  if (args.count("curve") > 0 &&
      ParseContextMode(args["mode"].as<std::string>()) != ContextMode::kChunked)
    throw UsageError("--curve is of fresh contexts: --mode chunked");
  const Corpus corpus = LoadCorpus(args["data"].as<std::string>());
  const Selection selection = Select(corpus, source, args);
  const auto bytes = std::span<const uint8_t>(corpus.bytes)
                         .subspan(static_cast<size_t>(selection.range.begin),
                                  static_cast<size_t>(selection.range.size()));
  const Model model = DoorModelOf(source.model, /*plain_kernels=*/false, memory_bytes);

  Evaluation evaluation;
  evaluation.mode = ParseContextMode(args["mode"].as<std::string>());
  evaluation.ledger.parameters = static_cast<uint64_t>(ParameterCount(source.model.config));
  evaluation.ledger.model_bytes = model.Serialise(/*coded=*/true).size();
  try {
    CodeWithModel(source.model, model, bytes, threads, memory_bytes, quiet, &evaluation);
    if (args.count("float") > 0)
      evaluation.float_bpb = FloatBitsPerByte(*source.checkpoint, bytes, threads);
    if (args.count("curve") > 0)
      WriteCurve(source.model, bytes, threads, quiet, args["curve"].as<std::string>());
  } catch (const Interrupted&) {
    return kInterruptedExitCode;
  }
  std::vector<std::unique_ptr<ClassicalCodec>> codecs;
  codecs.push_back(GzipCodec());
  codecs.push_back(XzCodec());
  for (const auto& codec : codecs) {
    evaluation.baselines.push_back({codec->name(), WholeBytes(*codec, bytes)});
    evaluation.baselines.push_back(
        {fmt::format("{}, {}-byte chunks", codec->name(), kBaselineChunkBytes),
         ChunkedBytes(*codec, bytes)});
  }
  if (args.count("json") > 0) {
    PrintJson(evaluation, source, corpus, selection, model);
  } else {
    PrintTable(evaluation, source, corpus, selection, model);
  }
  return 0;
}

}  // namespace

int EvaluateCommand(int argc, const char* const* argv) {
  return WithMemoryHint([&] { return Evaluate(argc, argv); });
}

}  // namespace occam
