// occam inspect: what is in a file of ours, and a model out of a checkpoint.

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coder/api/restoring_costs.h"
#include "coder/archive/decompressor.h"
#include "coder/container/archives.h"
#include "coder/predict/loaded_model.h"
#include "coder/weights/model_codec.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/file_plan.h"
#include "data/base/format.h"
#include "data/base/memory.h"
#include "data/base/printable.h"
#include "data/base/units.h"
#include "data/file_list.h"
#include "data/json_text.h"
#include "data/tokenizer/tokenizer.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/safetensors.h"
#include "model/config_fields.h"
#include "model/exact/network_memory.h"
#include "model/parameters.h"
#include "model/quantize.h"
#include "model/quantized_model.h"
#include "tools/command.h"
#include "tools/model_source.h"
#include "tools/option_table.h"
#include "tools/peeked_source.h"
#include "train/trainer.h"
#include "train/training_run.h"

namespace occam {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kEpilogue[] =
    "Examples:\n"
    "  inspect wiki-3M.h5                               # shape, tensors, provenance, model id\n"
    "  inspect wiki-3M.h5 --export wiki-3M.occm         # the quantised model alone: what --ckpt "
    "needs, no more\n"
    "  inspect wiki-3M.h5 --export wiki-3M.occm --coded # the same, entropy-coded: smaller, slower "
    "to load\n"
    "  inspect wiki-3M.h5 --export wiki-3M.safetensors  # the weights in floats, for Python\n"
    "  inspect wiki-3M.h5 --bits 4 --export wiki-3M.4.occm  # rounded to 4 bits a weight\n"
    "  inspect wiki-3M.h5 --release wiki-3M.small.h5    # the checkpoint without what only "
    "training needs\n"
    "  inspect book.txt.occ                             # header, segments, the model in it\n"
    "  inspect book.txt.occ --export book.occm          # the model that travels in it\n";

Json ConfigJson(const ModelConfig& c) {
  Json windows = Json::array();
  for (int l = 0; l < c.layers; ++l) windows.push_back(c.window(l));
  Json json{{"parameters", ParameterCount(c)},
            {"vocabulary", c.vocabulary},
            {"width", c.width},
            {"layers", c.layers},
            {"heads", c.heads},
            {"kv_heads", c.kv_heads},
            {"mlp_factor", c.mlp_factor},
            {"conv_width", c.conv_width},
            {"context", c.context},
            {"windows", windows}};
  if (c.llama) json["fine"] = c.llama->fine;
  if (c.has_memory()) {
    json["memory_width"] = c.memory_width;
    json["memory_gate"] = c.memory_gate;
  }
  if (c.has_signals()) {
    Json rules = Json::array();
    for (const SignalRule rule : c.signal_rules) rules.push_back(NameOf(rule));
    json["signals"] = {{"rules", rules},
                       {"record_width", c.record_width},
                       {"record_height", c.record_height},
                       {"residual", c.residual}};
    if (c.has_lattice()) json["signals"]["qualities"] = c.lattice_qualities;
    if (c.has_kinds()) json["signals"]["kinds"] = c.kinds;
  }
  return json;
}

// The tables of a memory, and how many of each table's rows hold anything.
Json TablesJson(const QuantizedModel& model, const CodedModel& coded) {
  Json tables = Json::array();
  const int64_t width = model.config.memory_width;
  auto row = model.memory.codes.begin();
  for (size_t i = 0; i < model.config.memory_rules.size(); ++i) {
    const RowRule& rule = model.config.memory_rules[i];
    int64_t used = 0;
    for (int64_t r = 0; r < rule.rows(); ++r, row += width)
      used += std::any_of(row, row + width, [](int8_t code) { return code != 0; }) ? 1 : 0;
    tables.push_back({{"rule", rule.name()},
                      {"rows", rule.rows()},
                      {"rows_in_use", used},
                      {"flat_bytes", rule.rows() * width},
                      {"coded_bytes", coded.table_bytes[i]}});
  }
  return tables;
}

// Where the bytes of a coded model are.
Json LedgerJson(const QuantizedModel& model, const CodedModel& coded) {
  const size_t memory = coded.MemoryBytes(model.config);
  return {{"tokenizer_bytes", coded.tokenizer_bytes},
          {"memory_bytes", memory},
          {"backbone_bytes", coded.bytes.size() - coded.tokenizer_bytes - memory}};
}

Json TensorsJson(const QuantizedModel& model, const CodedModel& coded) {
  Json tensors = Json::array();
  const auto table = ParameterTable(model.config);
  for (size_t i = 0; i < table.size(); ++i) {
    const QuantizedTensor& t = model.tensors[i];
    tensors.push_back({{"name", table[i].name},
                       {"rows", table[i].rows},
                       {"columns", table[i].columns},
                       {"codes", t.codes.size()},
                       {"floats", t.floats.size()},
                       {"coded_bytes", coded.tensor_bytes[i]},
                       {"coded_bits_per_weight", 8.0 * static_cast<double>(coded.tensor_bytes[i]) /
                                                     static_cast<double>(table[i].size())}});
  }
  return tensors;
}

Json CurveJson(const ValidationCurve& curve) {
  Json json = Json::array();
  for (const ValidationPoint& point : curve)
    json.push_back({point.bytes_seen, point.bits_per_byte});
  return json;
}

// Of a source of a mixture.
ValidationCurve CurveOf(const Provenance& p, const std::string& source) {
  const auto found = p.source_curves.find(source);
  return found == p.source_curves.end() ? ValidationCurve() : found->second;
}

Json SourceJson(const TrainingSource& source, const ValidationCurve& curve) {
  return {{"name", source.name},
          {"data_name", source.data_name},
          {"share", source.share},
          {"record_bytes", source.record_bytes},
          {"kind", source.kind},
          {"data_sha256", source.train_sha256},
          {"train_begin", source.train.begin},
          {"train_end", source.train.end},
          {"validation_begin", source.validation.begin},
          {"validation_end", source.validation.end},
          {"validation_curve", CurveJson(curve)}};
}

// What it was trained on.
std::string DataText(const Provenance& p) {
  if (!IsMixture(p.sources)) {
    const ByteRange train = p.sources.empty() ? ByteRange() : p.sources[0].train;
    return fmt::format("  on           {}, bytes {}:{}, SHA-256 {}\n", Printable(p.data_name),
                       train.begin, train.end, Printable(p.data_sha256));
  }
  std::string text;
  for (const TrainingSource& s : p.sources) {
    text += fmt::format("  on           {} ({:.1f} %) = {}, bytes {}:{}, SHA-256 {}\n",
                        Printable(s.name), 100 * s.share, Printable(s.data_name), s.train.begin,
                        s.train.end, Printable(s.train_sha256));
    const ValidationCurve curve = CurveOf(p, s.name);
    if (!curve.empty())
      text += fmt::format("               validation {:.4f} bpb\n", curve.back().bits_per_byte);
  }
  return text;
}

int64_t TrainBytes(const Provenance& p) {
  int64_t bytes = 0;
  for (const TrainingSource& s : p.sources) bytes += s.train.size();
  return bytes;
}

// What coding with a model takes, as numbers.
Json CodingJson(const QuantizedModel& model) {
  CodecModel costs;
  TellCosts({model.config, model.tokenizer.size()}, &costs);
  return {{"model_memory_bytes", costs.model_bytes},
          {"lane_memory_bytes", LaneBytes(model.config)},
          {"symbol_multiplications", costs.symbol_multiplications}};
}

Json ModelJson(const ModelSource& source) {
  const CodedModel coded = EncodeModel(source.model);
  Json json{{"file", source.path},
            {"kind", source.checkpoint ? "checkpoint" : "model"},
            {"model_id", Hex(ModelId(source.model))},
            {"contract_version", ContractOf(source.model.config)},
            {"model_bytes", coded.bytes.size()},
            {"flat_bytes", SerialiseModel(source.model).size()},
            {"tokenizer", LoadTokenizer(source.model.tokenizer, source.path)->name()},
            {"tokenizer_bytes", coded.tokenizer_bytes},
            {"config", ConfigJson(source.model.config)},
            {"coding", CodingJson(source.model)},
            {"tensors", TensorsJson(source.model, coded)}};
  if (source.model.config.has_memory()) {
    json["memory"] = LedgerJson(source.model, coded);
    json["memory"]["step"] = source.model.memory.step;
    json["memory"]["tables"] = TablesJson(source.model, coded);
  }
  if (!source.checkpoint) return json;
  const Provenance& p = source.checkpoint->provenance;
  const bool plain = !p.sources.empty() && !IsMixture(p.sources);
  const TrainingSource whole = plain ? p.sources[0] : TrainingSource();
  json["provenance"] = {{"command_line", p.command_line},
                        {"code_version", p.code_version},
                        {"data_name", p.data_name},
                        {"data_sha256", p.data_sha256},
                        {"train_begin", whole.train.begin},
                        {"train_end", whole.train.end},
                        {"validation_begin", whole.validation.begin},
                        {"validation_end", whole.validation.end},
                        {"validation_curve", CurveJson(p.validation_curve)}};
  if (IsMixture(p.sources)) {
    for (const TrainingSource& s : p.sources)
      json["provenance"]["sources"].push_back(SourceJson(s, CurveOf(p, s.name)));
  }
  if (source.checkpoint->training) {
    const TrainingState& t = *source.checkpoint->training;
    if (const auto length = PrequentialOf(t)) {
      json["prequential"] = {
          {"bits", length->bits}, {"bytes", length->bytes}, {"bpb", length->bits_per_byte()}};
    }
    json["training"] = {{"counters", t.counters}, {"numbers", t.numbers}};
  }
  return json;
}

void PrintPrequential(const Checkpoint& checkpoint) {
  if (!checkpoint.training) return;
  const auto length = PrequentialOf(*checkpoint.training);
  if (!length || length->bytes == 0) return;
  const Provenance& p = checkpoint.provenance;
  fmt::print("  prequential  {} for the first pass over {} of {} training data, {:.4f} bpb\n",
             FormatBytes(length->bits / 8), FormatBytes(length->bytes),
             FormatBytes(static_cast<double>(TrainBytes(p))), length->bits_per_byte());
}

void PrintMemory(const Json& memory) {
  fmt::print("  of these     {} backbone, {} memory\n", memory["backbone_bytes"].get<int64_t>(),
             memory["memory_bytes"].get<int64_t>());
  fmt::print("  {:<20} {:>8} {:>9} {:>10} {:>10}\n", "table", "rows", "in use", "flat", "bytes");
  for (const Json& t : memory["tables"]) {
    fmt::print("  {:<20} {:>8} {:>7.2f} % {:>10} {:>10}\n", t["rule"].get<std::string>(),
               t["rows"].get<int64_t>(),
               100 * t["rows_in_use"].get<double>() / t["rows"].get<double>(),
               t["flat_bytes"].get<int64_t>(), t["coded_bytes"].get<int64_t>());
  }
}

void PrintModel(const ModelSource& source) {
  const Json json = ModelJson(source);
  fmt::print("{}: a {}\n", Printable(source.path),
             source.checkpoint ? "checkpoint" : "quantised model");
  fmt::print("  {}\n", Describe(source.model.config));
  fmt::print("  tokenizer    {}, {} bytes\n", json["tokenizer"].get<std::string>(),
             json["tokenizer_bytes"].get<int64_t>());
  fmt::print("  model id     {} (contract {})\n", json["model_id"].get<std::string>(),
             json["contract_version"].get<int>());
  fmt::print("  model bytes  {} entropy-coded ({:.3f} bits a parameter), {} flat\n",
             json["model_bytes"].get<int64_t>(),
             8 * json["model_bytes"].get<double>() /
                 static_cast<double>(ParameterCount(source.model.config)),
             json["flat_bytes"].get<int64_t>());
  fmt::print(
      "  coding       takes {} bytes of memory, {} more a lane, and {} multiplications a symbol\n",
      json["coding"]["model_memory_bytes"].get<uint64_t>(),
      json["coding"]["lane_memory_bytes"].get<uint64_t>(),
      json["coding"]["symbol_multiplications"].get<uint64_t>());
  if (json.contains("memory")) PrintMemory(json["memory"]);
  if (source.checkpoint) {
    const Provenance& p = source.checkpoint->provenance;
    fmt::print("  trained by   {}\n{}  with         {}\n", Printable(p.command_line), DataText(p),
               Printable(p.code_version));
    if (!p.validation_curve.empty()) {
      const ValidationPoint& last = p.validation_curve.back();
      fmt::print("  validation   {:.4f} bpb after {} seen ({} points)\n", last.bits_per_byte,
                 FormatBytes(last.bytes_seen), p.validation_curve.size());
    }
    PrintPrequential(*source.checkpoint);
    fmt::print("  training     {}\n", source.checkpoint->training
                                          ? "state is there: train --resume can go on"
                                          : "state was dropped");
  }
  fmt::print("  {:<20} {:>6} x {:<6} {:>9} {:>8} {:>10} {:>8}\n", "tensor", "rows", "cols", "codes",
             "floats", "bytes", "bits each");
  for (const Json& t : json["tensors"]) {
    fmt::print("  {:<20} {:>6} x {:<6} {:>9} {:>8} {:>10} {:>8.3f}\n", t["name"].get<std::string>(),
               t["rows"].get<int64_t>(), t["columns"].get<int64_t>(), t["codes"].get<int64_t>(),
               t["floats"].get<int64_t>(), t["coded_bytes"].get<int64_t>(),
               t["coded_bits_per_weight"].get<double>());
  }
}

const char* MethodName(CodingMethod method) {
  switch (method) {
    case CodingMethod::kStored:
      return "stored";
    case CodingMethod::kOrder2:
      return "order-2";
    case CodingMethod::kModel:
      return "model";
    case CodingMethod::kExpert:
      return "expert";
    case CodingMethod::kSound:
      return "sound";
    case CodingMethod::kPhoto:
      return "photo";
    case CodingMethod::kProgram:
      return "program";
  }
  return "?";
}

// What restoring takes; nulls where the model is neither in the file nor built in.
Json RestoringJson(const std::string& path, const FileInfo& info) {
  const std::optional<RestoringCosts> costs = KnownRestoringCosts(info, path);
  if (!costs) return {{"memory_bytes", nullptr}, {"multiplications", nullptr}};
  return {{"memory_bytes", costs->memory_bytes}, {"multiplications", costs->multiplications}};
}

Json ContainerJson(const std::string& path, const FileInfo& info) {
  const FileHeader& h = info.header;
  Json segments = Json::array();
  for (const SegmentHeader& s : info.segments) {
    segments.push_back({{"number", s.number},
                        {"method", MethodName(s.method)},
                        {"symbols", s.symbols},
                        {"original_bytes", s.original_bytes},
                        {"payload_bytes", s.payload_bytes}});
  }
  return {{"file", path},
          {"kind", "compressed"},
          {"original_bytes", info.totals.original_bytes},
          {"file_bytes", info.totals.file_bytes},
          {"payload_bytes", info.totals.payload_bytes},
          {"header_bytes", info.totals.header_bytes()},
          {"contract_version", h.contract_version},
          {"model_id", h.has_model() ? Hex(h.told_id()) : ""},
          {"model_bytes", info.model.size()},
          {"dictionary_id", h.has_dictionary() ? Hex(h.dictionary_id) : ""},
          {"mode", ModeName(h.mode)},
          {"context", h.context},
          {"lanes", h.lanes},
          {"lane_symbols", h.lane_symbols},
          {"restoring", RestoringJson(path, info)},
          {"segments", segments}};
}

void PrintContainer(const std::string& path, const FileInfo& info) {
  const Json json = ContainerJson(path, info);
  fmt::print("{}: a compressed file\n", Printable(path));
  for (const auto& [key, value] : json.items()) {
    if (key == "file" || key == "kind" || key == "segments") continue;
    fmt::print("  {:<17}{}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  fmt::print("  {:>8} {:<8} {:>12} {:>12} {:>8}\n", "segment", "method", "original", "payload",
             "%");
  for (const SegmentHeader& s : info.segments) {
    fmt::print("  {:>8} {:<8} {:>12} {:>12} {:>8.2f}\n", s.number, MethodName(s.method),
               s.original_bytes, s.payload_bytes, 100.0 * s.payload_bytes / s.original_bytes);
  }
}

// What the options ask to be written.
struct Exports {
  std::string model;  // empty: nothing
  bool coded = false;
  std::string release;
  bool force = false;
  bool any() const { return !model.empty() || !release.empty(); }
};

// The weights in floats: a checkpoint's own, or what the integers of a model stand for.
void ExportFloats(const ModelSource& source, ByteSink* sink) {
  const ModelConfig& config = source.model.config;
  const std::map<std::string, std::string> notes{
      {"format", "pt"},
      {"occam_config", JsonText(ConfigJson(config))},
      {"occam_weights", source.checkpoint ? "as trained" : "as quantised"}};
  if (source.checkpoint) {
    WriteSafetensors(config, source.checkpoint->weights, source.checkpoint->memory.values, notes,
                     sink);
  } else {
    WriteSafetensors(config, Dequantised(source.model), DequantisedRows(source.model), notes, sink);
  }
}

void ExportModel(const ModelSource& source, const Exports& exports) {
  const bool floats = exports.model.ends_with(".safetensors");
  if (floats && exports.coded)
    throw UsageError("--coded is for .occm: a .safetensors file holds floats");
  const auto sink = OpenSink(exports.model, exports.force);
  if (floats) {
    ExportFloats(source, sink.get());
  } else {
    sink->Write(exports.coded ? EncodeModel(source.model).bytes : SerialiseModel(source.model));
  }
  sink->Commit();
}

// The model that an archive holds; `name` is the archive's.
std::optional<ModelSource> ModelIn(const FileInfo& info, const std::string& name,
                                   uint64_t memory_bytes) {
  if (info.model.empty()) return std::nullopt;
  const std::string model_name = name + ", its model";
  ModelSource model{model_name, ReadModel(info.model, model_name, {memory_bytes, nullptr}), {}};
  if (!info.header.Names(ModelId(model.model)))
    throw DamagedError(name + " holds another model than it needs");
  return model;
}

// What several archives are together.
Json SumJson(const std::string& path, const ContainerStats& totals, Json archives) {
  return {{"file", path},
          {"kind", "compressed"},
          {"original_bytes", totals.original_bytes},
          {"file_bytes", totals.file_bytes},
          {"payload_bytes", totals.payload_bytes},
          {"header_bytes", totals.header_bytes()},
          {"model_bytes", totals.model_bytes},
          {"archives", std::move(archives)}};
}

// Nothing is printed or written before all archives are known to be sound.
void InspectContainer(ByteSource& source, const Exports& exports, bool as_json,
                      uint64_t memory_bytes) {
  const std::string path = source.name();
  std::vector<FileInfo> archives;
  uint64_t kept_bytes = 0;
  ReadFileInfos(
      source,
      [&](const FileInfo& info) {
        kept_bytes +=
            info.model.size() + sizeof(FileInfo) + info.segments.size() * sizeof(SegmentHeader);
        RequireMemory(kept_bytes, memory_bytes, path);
        archives.push_back(info);
      },
      memory_bytes);
  const auto with_model =
      std::ranges::find_if(archives, [](const FileInfo& info) { return !info.model.empty(); });
  if (!exports.release.empty() || (exports.any() && with_model == archives.end())) {
    throw UsageError(fmt::format("{} is a compressed file: there is no {} in it to write", path,
                                 exports.release.empty() ? "model" : "checkpoint"));
  }
  const auto model_of = [&](size_t i) {
    return ModelIn(archives[i], ArchiveName(path, i), memory_bytes);
  };
  ContainerStats totals;
  Json each = Json::array();
  std::optional<ModelSource> model;  // one at a time: there may be many
  for (size_t i = 0; i < archives.size(); ++i) {
    totals.Add(archives[i].totals);
    if (exports.any() && !archives[i].model.empty() && archives[i].model != with_model->model)
      throw UsageError(path + " holds several models: cut it into its archives to export them");
    model = model_of(i);
    if (!as_json) continue;
    each.push_back(ContainerJson(ArchiveName(path, i), archives[i]));
    if (model) each.back()["model"] = ModelJson(*model);
  }
  const bool single = archives.size() == 1;
  if (!exports.model.empty()) {
    if (!single) model = model_of(static_cast<size_t>(with_model - archives.begin()));
    ExportModel(*model, exports);
  }
  if (as_json) {
    // That of a single archive is the file's.
    const Json json = single ? each[0] : SumJson(path, totals, std::move(each));
    fmt::print("{}\n", JsonText(json, 2));
    return;
  }
  if (exports.any()) return;
  for (size_t i = 0; i < archives.size(); ++i) {
    if (!single) model = model_of(i);
    PrintContainer(ArchiveName(path, i), archives[i]);
    if (model) PrintModel(*model);
  }
  if (!single) {
    fmt::print("{}: {} archives, {} bytes of {}\n", Printable(path), archives.size(),
               totals.file_bytes, totals.original_bytes);
  }
}

// Rounds a checkpoint's weights to other bits than it was trained for.
void RoundTo(int bits, ModelSource* source) {
  if (!source->checkpoint)
    throw UsageError("--bits needs a checkpoint (.h5): " + source->path + " is rounded already");
  if (bits < kLeastWeightBits || bits > kMostWeightBits) {
    throw UsageError(
        fmt::format("--bits is {} to {}, not {}", kLeastWeightBits, kMostWeightBits, bits));
  }
  const Checkpoint& c = *source->checkpoint;
  Calibration calibration = c.calibration;
  calibration.weight_bits = bits;
  calibration.row_steps.clear();
  source->model = Quantise(c.config, c.weights, calibration, c.tokenizer, c.memory);
}

int Inspect(int argc, const char* const* argv) {
  cxxopts::Options options(
      "inspect",
      "Shows what is in a checkpoint (.h5), a model (.occm) or a compressed file (.occ).\n");
  options.positional_help("FILE");
  AddOptions(&options, "Output",
             {
                 {"export", "NAME", Text(),
                  "Write the quantised model to this file, or its weights in floats if the name "
                  "ends in .safetensors"},
                 {"coded", "Entropy-code it: the form to ship"},
                 {"bits", "N", Takes<int>(),
                  "Round the weights of a checkpoint to this many bits, 2 to 7, whatever they were "
                  "trained for"},
                 {"release", "NAME.h5", Text(), "Write the checkpoint without its training state"},
                 {"json", "Print JSON"},
                 MemoryOption(),
                 {"f,force", "Overwrite existing files"},
                 {"file", "", Text(), ""},
             });
  options.parse_positional({"file"});
  const cxxopts::ParseResult args = ParseOptions(&options, argc, argv, {"Output"}, kEpilogue);
  if (args.count("file") == 0) throw UsageError("inspect needs a file; see inspect --help");
  if (!args.unmatched().empty())
    throw UsageError("inspect takes one file, not also " + args.unmatched().front());
  const std::string path = args["file"].as<std::string>();
  const bool as_json = args.count("json") > 0;
  const Exports exports{TextOf(args, "export"), args.count("coded") > 0, TextOf(args, "release"),
                        args.count("force") > 0};

  CatchInterrupts();
  FilePlan plan;
  plan.Read(path, "the inspected file");
  if (!exports.model.empty()) plan.Write(exports.model, "the exported model");
  if (!exports.release.empty()) plan.Write(exports.release, "the released checkpoint");

  PeekedSource file(OpenSource(path), kContainerMagic.size());
  if (std::ranges::equal(file.first(), kContainerMagic)) {
    if (args.count("bits") > 0)
      throw UsageError("--bits needs a checkpoint (.h5): " + path + " is a compressed file");
    InspectContainer(file, exports, as_json, MemoryFrom(args, /*model_path=*/""));
    return 0;
  }
  ModelSource source = LoadModel(file, {MemoryFrom(args, path), nullptr});
  if (args.count("bits") > 0) RoundTo(args["bits"].as<int>(), &source);
  if (!exports.model.empty()) ExportModel(source, exports);
  if (!exports.release.empty()) {
    if (!source.checkpoint)
      throw UsageError(path + " is no checkpoint: there is nothing to release");
    if (!exports.force && FileExists(exports.release))
      throw IoError(exports.release + " exists already; use -f to overwrite it");
    SaveCheckpoint(exports.release, Released(*source.checkpoint));
  }
  if (as_json) {
    fmt::print("{}\n", JsonText(ModelJson(source), 2));
  } else if (!exports.any()) {
    PrintModel(source);
  }
  return 0;
}

}  // namespace

int InspectCommand(int argc, const char* const* argv) {
  return WithMemoryHint([&] { return Inspect(argc, argv); });
}

}  // namespace occam
