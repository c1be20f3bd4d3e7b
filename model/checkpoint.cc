#include "model/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/base/byte_order.h"
#include "data/base/digest.h"
#include "data/base/error.h"
#include "model/exact/quantized_model.h"
#include "model/h5_file.h"

namespace occam {
namespace {

constexpr uint8_t kMagic[8] = {'O', 'C', 'C', 'A', 'M', 'C', 'K', 'P'};
constexpr uint32_t kFormatVersion = 1;
constexpr size_t kUserBlockBytes = 512;

// ---- The user block ----

void FillUserBlock(std::span<uint8_t> file) {
  const auto data = file.subspan(kUserBlockBytes);
  ByteWriter block;
  block.PutBytes(kMagic);
  block.Put(kFormatVersion);
  block.Put(uint32_t{0});
  block.Put(uint64_t{data.size()});
  block.PutBytes(Sha256Of(data));
  std::copy(block.bytes().begin(), block.bytes().end(), file.begin());
}

void CheckUserBlock(std::span<const uint8_t> file, const std::string& name) {
  const auto starts = [&](size_t count) {
    return std::equal(kMagic, kMagic + count, file.begin());
  };
  if (file.empty()) throw DamagedError(name + " is empty, so it is no checkpoint");
  if (!starts(std::min(file.size(), sizeof(kMagic)))) {
    throw DamagedError(name + " is no checkpoint of Occam");
  }
  if (file.size() < kUserBlockBytes) throw DamagedError(name + " is truncated in its first block");
  ByteReader block(file.first(kUserBlockBytes), name);
  block.GetBytes(sizeof(kMagic));
  if (const auto version = block.Get<uint32_t>(); version != kFormatVersion) {
    throw DamagedError(fmt::format(
        "{} is a checkpoint of format version {}, this program reads version {}; it may be newer "
        "or damaged",
        name, version, kFormatVersion));
  }
  const auto reserved = block.Get<uint32_t>();
  const auto length = block.Get<uint64_t>();
  const auto digest = block.GetBytes(sizeof(Sha256Digest));
  const auto rest = block.GetBytes(block.remaining());
  const auto data = file.subspan(kUserBlockBytes);
  if (length != data.size()) {
    throw DamagedError(fmt::format("{} has {} bytes of data where its first block says {}", name,
                                   data.size(), length));
  }
  const Sha256Digest actual = Sha256Of(data);
  if (!std::equal(actual.begin(), actual.end(), digest.begin()) || reserved != 0 ||
      std::any_of(rest.begin(), rest.end(), [](uint8_t byte) { return byte != 0; })) {
    throw DamagedError(name + " is damaged: its digest is not that of what was written");
  }
}

// ---- What both directions agree on ----

// The integer attributes of /config.
template <typename Config, typename Visit>
void ForEachField(Config& config, const Visit& visit) {
  visit("vocabulary", config.vocabulary);
  visit("width", config.width);
  visit("layers", config.layers);
  visit("heads", config.heads);
  visit("kv_heads", config.kv_heads);
  visit("mlp_factor", config.mlp_factor);
  visit("conv_width", config.conv_width);
  visit("context", config.context);
}

template <typename Origin, typename Visit>
void ForEachText(Origin& provenance, const Visit& visit) {
  visit("command_line", provenance.command_line);
  visit("code_version", provenance.code_version);
  visit("data_name", provenance.data_name);
  visit("data_sha256", provenance.data_sha256);
}

template <typename Source, typename Visit>
void ForEachSourceText(Source& source, const Visit& visit) {
  visit("name", source.name);
  visit("data_name", source.data_name);
  visit("data_sha256", source.data_sha256);
}

template <typename Source, typename Visit>
void ForEachSourceCount(Source& source, const Visit& visit) {
  visit("record_bytes", source.record_bytes);
  visit("train_begin", source.train_begin);
  visit("train_end", source.train_end);
  visit("validation_begin", source.validation_begin);
  visit("validation_end", source.validation_end);
}

H5Shape ShapeOf(const ParameterSpec& spec) {
  if (spec.rows == 1) return {spec.columns};
  return {spec.rows, spec.columns};
}

H5Shape CalibrationShape(const ModelConfig& config) { return {config.layers, config.kv_heads}; }

void CheckFinite(std::span<const float> values, const std::string& path, ErrorKind kind) {
  const auto bad =
      std::find_if_not(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  if (bad != values.end()) {
    throw Error(kind, fmt::format("{} holds a value that is not finite (element {})", path,
                                  bad - values.begin()));
  }
}

// ---- Saving ----

void SaveParameters(const ParameterSet& set, const ModelConfig& config, const std::string& group,
                    H5Writer* file) {
  if (set.size() != ParameterCount(config)) {
    throw InternalError(group + " does not belong to the configuration it is saved with");
  }
  file->CreateGroup(group);
  for (size_t i = 0; i < set.table().size(); ++i) {
    const ParameterSpec& spec = set.table()[i];
    const std::string path = group + "/" + spec.name;
    const auto values = set.tensor(static_cast<int>(i));
    CheckFinite(values, path, ErrorKind::kInternal);
    file->WriteDataset<float>(path, ShapeOf(spec), values);
  }
}

void SaveCalibration(const Calibration& calibration, const ModelConfig& config, H5Writer* file) {
  file->CreateGroup("/calibration");
  file->WriteAttribute<int32_t>("/calibration", "weight_bits", calibration.weight_bits);
  const auto save = [&](const std::string& path, const std::vector<float>& maxima) {
    if (maxima.empty()) return;
    CheckFinite(maxima, path, ErrorKind::kInternal);
    file->WriteDataset<float>(path, CalibrationShape(config), maxima);
  };
  if (const auto& steps = calibration.row_steps; !steps.empty()) {
    CheckFinite(steps, "/calibration/row_steps", ErrorKind::kInternal);
    file->WriteDataset<float>("/calibration/row_steps", {static_cast<int64_t>(steps.size())},
                              steps);
  }
  save("/calibration/key_maxima", calibration.key_maxima);
  save("/calibration/value_maxima", calibration.value_maxima);
}

void SaveTraining(const TrainingState& training, const ModelConfig& config, H5Writer* file) {
  for (const char* group : {"/training", "/training/counters", "/training/numbers",
                            "/training/texts", "/training/tensors"}) {
    file->CreateGroup(group);
  }
  for (const auto& [name, value] : training.counters)
    file->WriteAttribute<int64_t>("/training/counters", name, value);
  for (const auto& [name, value] : training.numbers)
    file->WriteAttribute<double>("/training/numbers", name, value);
  for (const auto& [name, value] : training.texts) file->WriteText("/training/texts", name, value);
  if (!training.lists.empty()) file->CreateGroup("/training/lists");
  for (const auto& [name, list] : training.lists)
    file->WriteDataset<double>("/training/lists/" + name, {static_cast<int64_t>(list.size())},
                               list);
  for (const auto& [name, set] : training.tensors) {
    if (name.empty() || name == "." || name.find_first_of(std::string("/\0", 2)) != name.npos)
      throw InternalError("'" + name + "' cannot name the tensors of a training state");
    SaveParameters(set, config, "/training/tensors/" + name, file);
  }
}

void SaveCurve(const std::vector<ValidationPoint>& points, const std::string& group,
               H5Writer* file) {
  std::vector<double> curve;
  for (const ValidationPoint& point : points) {
    curve.push_back(point.bytes_seen);
    curve.push_back(point.bits_per_byte);
  }
  file->WriteDataset<double>(group + "/validation_curve", {static_cast<int64_t>(points.size()), 2},
                             curve);
}

void SaveSources(const std::vector<SourceProvenance>& sources, H5Writer* file) {
  if (sources.empty()) return;
  file->CreateGroup("/provenance/sources");
  for (size_t i = 0; i < sources.size(); ++i) {
    const SourceProvenance& source = sources[i];
    const std::string group = fmt::format("/provenance/sources/{:02}", i);
    file->CreateGroup(group);
    ForEachSourceText(source, [&](const char* name, const std::string& text) {
      file->WriteText(group, name, text);
    });
    ForEachSourceCount(source, [&](const char* name, int64_t value) {
      file->WriteAttribute<int64_t>(group, name, value);
    });
    file->WriteAttribute<double>(group, "share", source.share);
    SaveCurve(source.validation_curve, group, file);
  }
}

void SaveProvenance(const Provenance& provenance, H5Writer* file) {
  file->CreateGroup("/provenance");
  ForEachText(provenance, [&](const char* name, const std::string& text) {
    file->WriteText("/provenance", name, text);
  });
  file->WriteAttribute<int64_t>("/provenance", "train_begin", provenance.train_begin);
  file->WriteAttribute<int64_t>("/provenance", "train_end", provenance.train_end);
  file->WriteAttribute<int64_t>("/provenance", "validation_begin", provenance.validation_begin);
  file->WriteAttribute<int64_t>("/provenance", "validation_end", provenance.validation_end);
  SaveCurve(provenance.validation_curve, "/provenance", file);
  SaveSources(provenance.sources, file);
}

// ---- Loading ----

// The same weights are another network under another contract.
void CheckContract(const H5Reader& file, const std::string& name) {
  const auto attributes = file.Attributes("/");
  const bool has = std::ranges::find(attributes, "contract_version") != attributes.end();
  const int32_t version = has ? file.ReadAttribute<int32_t>("/", "contract_version") : 2;
  if (version != kContractVersion) {
    throw DamagedError(fmt::format(
        "{} was trained for numeric contract {}{}, this program has {}: only the version that made "
        "it can use it",
        name, version, has ? "" : " or before", kContractVersion));
  }
}

ModelConfig LoadConfig(const H5Reader& file, size_t file_bytes, const std::string& name) {
  ModelConfig config;
  ForEachField(config, [&](const char* field, int32_t& value) {
    value = file.ReadAttribute<int32_t>("/config", field);
  });
  config.windows = file.ReadAttributeList<int32_t>("/config", "windows");
  try {
    CheckConfig(config, ErrorKind::kDamaged);
  } catch (const Error& error) {
    throw DamagedError(name + ": " + error.what());
  }
  // Before anything is allocated by it.
  if (ParameterCount(config) > static_cast<int64_t>(file_bytes / sizeof(float))) {
    throw DamagedError(name + " is smaller than the network of its configuration");
  }
  return config;
}

ParameterSet LoadParameters(const H5Reader& file, const ModelConfig& config,
                            const std::string& group, const std::string& name) {
  ParameterSet set(config);
  for (size_t i = 0; i < set.table().size(); ++i) {
    const ParameterSpec& spec = set.table()[i];
    const std::string path = group + "/" + spec.name;
    const auto values = set.tensor(static_cast<int>(i));
    file.ReadDataset<float>(path, ShapeOf(spec), values);
    CheckFinite(values, name + ": " + path, ErrorKind::kDamaged);
  }
  return set;
}

Calibration LoadCalibration(const H5Reader& file, const ModelConfig& config,
                            const std::string& name) {
  Calibration calibration;
  calibration.weight_bits = file.ReadAttribute<int32_t>("/calibration", "weight_bits");
  const auto load = [&](const std::string& path, std::vector<float>* maxima) {
    if (!file.Has(path)) return;
    maxima->resize(static_cast<size_t>(config.layers) * static_cast<size_t>(config.kv_heads));
    file.ReadDataset<float>(path, CalibrationShape(config), *maxima);
    CheckFinite(*maxima, name + ": " + path, ErrorKind::kDamaged);
  };
  if (const std::string path = "/calibration/row_steps"; file.Has(path)) {
    const int64_t rows = RowCount(ParameterTable(config));
    calibration.row_steps.resize(static_cast<size_t>(rows));
    file.ReadDataset<float>(path, {rows}, calibration.row_steps);
    CheckFinite(calibration.row_steps, name + ": " + path, ErrorKind::kDamaged);
  }
  load("/calibration/key_maxima", &calibration.key_maxima);
  load("/calibration/value_maxima", &calibration.value_maxima);
  return calibration;
}

TrainingState LoadTraining(const H5Reader& file, const ModelConfig& config,
                           const std::string& name) {
  TrainingState training;
  for (const std::string& key : file.Attributes("/training/counters"))
    training.counters[key] = file.ReadAttribute<int64_t>("/training/counters", key);
  for (const std::string& key : file.Attributes("/training/numbers"))
    training.numbers[key] = file.ReadAttribute<double>("/training/numbers", key);
  for (const std::string& key : file.Attributes("/training/texts"))
    training.texts[key] = file.ReadText("/training/texts", key);
  if (file.Has("/training/lists")) {
    for (const std::string& key : file.Members("/training/lists"))
      training.lists[key] = file.ReadDataset<double>("/training/lists/" + key);
  }
  for (const std::string& key : file.Members("/training/tensors")) {
    training.tensors.emplace(key, LoadParameters(file, config, "/training/tensors/" + key, name));
  }
  return training;
}

std::vector<ValidationPoint> LoadCurve(const H5Reader& file, const std::string& group,
                                       const std::string& name) {
  const std::string path = group + "/validation_curve";
  const H5Shape shape = file.Shape(path);
  if (shape.size() != 2 || shape[1] != 2) throw DamagedError(name + ": " + path + " is no curve");
  const std::vector<double> values = file.ReadDataset<double>(path);
  std::vector<ValidationPoint> curve;
  for (size_t i = 0; i < values.size(); i += 2) curve.push_back({values[i], values[i + 1]});
  return curve;
}

std::vector<SourceProvenance> LoadSources(const H5Reader& file, const std::string& name) {
  std::vector<SourceProvenance> sources;
  if (!file.Has("/provenance/sources")) return sources;
  for (const std::string& member : file.Members("/provenance/sources")) {
    const std::string group = "/provenance/sources/" + member;
    SourceProvenance source;
    ForEachSourceText(
        source, [&](const char* field, std::string& text) { text = file.ReadText(group, field); });
    ForEachSourceCount(source, [&](const char* field, int64_t& value) {
      value = file.ReadAttribute<int64_t>(group, field);
    });
    source.share = file.ReadAttribute<double>(group, "share");
    source.validation_curve = LoadCurve(file, group, name);
    sources.push_back(std::move(source));
  }
  return sources;
}

Provenance LoadProvenance(const H5Reader& file, const std::string& name) {
  Provenance provenance;
  ForEachText(provenance, [&](const char* field, std::string& text) {
    text = file.ReadText("/provenance", field);
  });
  // Older checkpoints do not know their validation part.
  if (std::ranges::count(file.Attributes("/provenance"), "validation_end") > 0) {
    provenance.validation_begin = file.ReadAttribute<int64_t>("/provenance", "validation_begin");
    provenance.validation_end = file.ReadAttribute<int64_t>("/provenance", "validation_end");
  }
  provenance.train_begin = file.ReadAttribute<int64_t>("/provenance", "train_begin");
  provenance.train_end = file.ReadAttribute<int64_t>("/provenance", "train_end");
  provenance.validation_curve = LoadCurve(file, "/provenance", name);
  provenance.sources = LoadSources(file, name);
  return provenance;
}

}  // namespace

void SaveCheckpoint(const std::string& path, const Checkpoint& checkpoint) {
  const ModelConfig& config = checkpoint.config;
  CheckConfig(config, ErrorKind::kInternal);
  H5Writer file(kUserBlockBytes);
  file.WriteAttribute<int32_t>("/", "contract_version", kContractVersion);
  file.CreateGroup("/config");
  ForEachField(config, [&](const char* name, const int32_t& value) {
    file.WriteAttribute<int32_t>("/config", name, value);
  });
  file.WriteAttributeList<int32_t>("/config", "windows", config.windows);
  SaveParameters(checkpoint.weights, config, "/weights", &file);
  SaveCalibration(checkpoint.calibration, config, &file);
  file.WriteDataset<uint8_t>("/tokenizer", {static_cast<int64_t>(checkpoint.tokenizer.size())},
                             checkpoint.tokenizer);
  if (checkpoint.training) SaveTraining(*checkpoint.training, config, &file);
  SaveProvenance(checkpoint.provenance, &file);
  Bytes bytes = file.Finish();
  FillUserBlock(bytes);
  WriteFile(path, bytes);
}

Checkpoint LoadCheckpoint(const std::string& path) {
  const Bytes bytes = ReadFile(path);
  CheckUserBlock(bytes, path);
  const H5Reader file(bytes, path);
  CheckContract(file, path);
  const ModelConfig config = LoadConfig(file, bytes.size(), path);
  Checkpoint checkpoint{config,
                        LoadParameters(file, config, "/weights", path),
                        LoadCalibration(file, config, path),
                        file.ReadDataset<uint8_t>("/tokenizer"),
                        std::nullopt,
                        LoadProvenance(file, path)};
  if (file.Has("/training")) checkpoint.training = LoadTraining(file, config, path);
  return checkpoint;
}

bool IsCheckpoint(const std::string& path) {
  uint8_t start[sizeof(kMagic)];
  const size_t count = OpenSource(path)->Read(start);
  return count == sizeof(start) && std::equal(start, start + count, kMagic);
}

}  // namespace occam
