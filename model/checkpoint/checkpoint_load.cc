
#include <algorithm>

#include "data/base/error.h"
#include "data/base/format.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/checkpoint_block.h"
#include "model/checkpoint/checkpoint_layout.h"
#include "model/checkpoint/h5_file.h"
#include "model/config_fields.h"
#include "model/quantized_model.h"

namespace occam {
namespace {

// The same weights are another network under another contract.
int ContractFrom(const H5Reader& file, const std::string& name) {
  const auto attributes = file.Attributes("/");
  const bool has = std::ranges::find(attributes, "contract_version") != attributes.end();
  const int32_t version = has ? file.ReadAttribute<int32_t>("/", "contract_version") : 2;
  if (version != kContractVersion && version != kMemoryContract) {
    throw DamagedError(fmt::format(
        "{} was trained for numeric contract {}{}, this program has {}: only the version that made "
        "it can use it",
        name, version, has ? "" : " or before", kMemoryContract));
  }
  return version;
}

void LoadSignals(const H5Reader& file, const std::string& name, ModelConfig* config) {
  for (const int32_t number : file.ReadAttributeList<int32_t>("/config", "signal_rules")) {
    if (number < 1 || number > kSignalRules)
      throw DamagedError(name + ": /config has signal_rules that are none");
    config->signal_rules.push_back(static_cast<SignalRule>(number));
  }
  config->record_width = file.ReadAttribute<int32_t>("/config", "record_width");
  config->record_height = file.ReadAttribute<int32_t>("/config", "record_height");
  config->residual = file.ReadAttribute<int32_t>("/config", "residual") != 0;
}

void LoadKinds(const H5Reader& file, ModelConfig* config) {
  for (const int32_t has_signals : file.ReadAttributeList<int32_t>("/config", "signal_kinds"))
    config->kinds.push_back(static_cast<uint8_t>(std::clamp(has_signals, 0, kMaxKinds)));
}

void LoadRules(const H5Reader& file, const std::string& name, ModelConfig* config) {
  const auto numbers = file.ReadAttributeList<int32_t>("/config", "memory_rules");
  const auto fits = [](int32_t number) { return number >= 0 && number <= 255; };
  if (numbers.size() % 3 != 0 || !std::ranges::all_of(numbers, fits))
    throw DamagedError(name + ": /config has memory_rules that are none");
  for (size_t i = 0; i < numbers.size(); i += 3) {
    config->memory_rules.push_back({static_cast<RuleKind>(numbers[i]),
                                    static_cast<uint8_t>(numbers[i + 1]),
                                    static_cast<uint8_t>(numbers[i + 2])});
  }
  config->memory_width = file.ReadAttribute<int32_t>("/config", "memory_width");
  config->memory_gate = file.ReadAttribute<int32_t>("/config", "memory_gate");
}

ModelConfig LoadConfig(const H5Reader& file, int contract, size_t file_bytes,
                       const std::string& name) {
  ModelConfig config;
  ForEachField(config, [&](const char* field, int32_t& value) {
    value = file.ReadAttribute<int32_t>("/config", field);
  });
  config.windows = file.ReadAttributeList<int32_t>("/config", "windows");
  const auto attributes = file.Attributes("/config");
  const auto has = [&](const char* attribute) {
    return std::ranges::find(attributes, attribute) != attributes.end();
  };
  if (has("memory_rules")) LoadRules(file, name, &config);
  if (has("signal_rules")) LoadSignals(file, name, &config);
  if (has("signal_qualities"))
    config.lattice_qualities = file.ReadAttributeList<int32_t>("/config", "signal_qualities");
  if (has("signal_kinds")) LoadKinds(file, &config);
  if (ContractOf(config) != contract)
    throw DamagedError(name + ": /config is of another numeric contract than it says");
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

enum class Missing { kDamage, kZeros };

ParameterSet LoadParameters(const H5Reader& file, const ModelConfig& config,
                            const std::string& group, Missing missing, const std::string& name) {
  ParameterSet set(config);
  for (size_t i = 0; i < set.table().size(); ++i) {
    const ParameterSpec& spec = set.table()[i];
    const std::string path = group + "/" + spec.name;
    if (missing == Missing::kZeros && !file.Has(path)) continue;
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
  if (config.has_memory())
    calibration.memory_step = file.ReadAttribute<float>("/calibration", "memory_step");
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

TrainingState LoadTraining(const H5Reader& file, uint32_t format_version, const ModelConfig& config,
                           const std::string& name) {
  const Missing missing = format_version == kFormatSparse ? Missing::kZeros : Missing::kDamage;
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
  if (file.Has("/training/arrays")) {
    for (const std::string& key : file.Members("/training/arrays")) {
      const std::string path = "/training/arrays/" + key;
      training.arrays[key] = file.ReadDataset<float>(path);
      CheckFinite(training.arrays[key], name + ": " + path, ErrorKind::kDamaged);
    }
  }
  for (const std::string& key : file.Members("/training/tensors")) {
    training.tensors.emplace(
        key, LoadParameters(file, config, "/training/tensors/" + key, missing, name));
  }
  return training;
}

MemoryRows LoadMemory(const H5Reader& file, const ModelConfig& config, const std::string& name) {
  MemoryRows memory(config);
  if (!config.has_memory()) return memory;
  file.ReadDataset<float>("/memory", MemoryShape(config), memory.values);
  CheckFinite(memory.values, name + ": /memory", ErrorKind::kDamaged);
  return memory;
}

ValidationCurve LoadCurve(const H5Reader& file, const std::string& group, const std::string& name) {
  const std::string path = group + "/validation_curve";
  const H5Shape shape = file.Shape(path);
  if (shape.size() != 2 || shape[1] != 2) throw DamagedError(name + ": " + path + " is no curve");
  const std::vector<double> values = file.ReadDataset<double>(path);
  ValidationCurve curve;
  for (size_t i = 0; i < values.size(); i += 2) curve.push_back({values[i], values[i + 1]});
  return curve;
}

void LoadRanges(const H5Reader& file, const std::string& group, TrainingSource* source) {
  const auto load = [&](const char* field, int64_t& value) {
    value = file.ReadAttribute<int64_t>(group, field);
  };
  ForEachTrainBound(*source, load);
  // Older checkpoints do not know their validation part.
  if (std::ranges::count(file.Attributes(group), "validation_end") > 0)
    ForEachValidationBound(*source, load);
}

// Of a plain corpus, where there is one.
void LoadPlainSource(const H5Reader& file, Provenance* provenance) {
  TrainingSource source;
  LoadRanges(file, "/provenance", &source);
  if (source.train.size() <= 0) return;
  source.data_name = provenance->data_name;
  source.train_sha256 = provenance->data_sha256;
  provenance->sources.push_back(std::move(source));
}

void LoadMixture(const H5Reader& file, const std::string& name, Provenance* provenance) {
  for (const std::string& member : file.Members("/provenance/sources")) {
    const std::string group = "/provenance/sources/" + member;
    TrainingSource source;
    ForEachSourceText(
        source, [&](const char* field, std::string& text) { text = file.ReadText(group, field); });
    LoadRanges(file, group, &source);
    source.record_bytes = file.ReadAttribute<int64_t>(group, "record_bytes");
    source.share = file.ReadAttribute<double>(group, "share");
    if (std::ranges::count(file.Attributes(group), "kind") > 0)
      source.kind = file.ReadAttribute<int32_t>(group, "kind");
    provenance->source_curves[source.name] = LoadCurve(file, group, name);
    provenance->sources.push_back(std::move(source));
  }
}

Provenance LoadProvenance(const H5Reader& file, const std::string& name) {
  Provenance provenance;
  ForEachText(provenance, [&](const char* field, std::string& text) {
    text = file.ReadText("/provenance", field);
  });
  provenance.validation_curve = LoadCurve(file, "/provenance", name);
  if (file.Has("/provenance/sources")) {
    LoadMixture(file, name, &provenance);
  } else {
    LoadPlainSource(file, &provenance);
  }
  return provenance;
}

// Returns how many bytes loading takes: the file twice, what is read of it, the model that codes,
// and sets of parameters, of which training states may leave out what is zero.
uint64_t MemoryFor(const H5Reader& file, const ModelConfig& config, uint64_t file_bytes) {
  uint64_t sets = 1;
  if (file.Has("/training/tensors")) sets += file.Members("/training/tensors").size();
  const auto parameters = static_cast<uint64_t>(ParameterCount(config));
  const auto rows = static_cast<uint64_t>(config.memory_rows() * config.memory_width);
  const uint64_t floats = SaturatingSum(SaturatingProduct(sets, parameters), rows);
  return SaturatingSum(4 * file_bytes + ModelBytes(config, file_bytes),
                       SaturatingProduct(floats, sizeof(float)));
}

}  // namespace

Checkpoint LoadCheckpoint(std::span<const uint8_t> bytes, const std::string& name,
                          uint64_t memory_bytes) {
  const uint32_t format_version = CheckUserBlock(bytes, name);
  RequireMemory(2 * uint64_t{bytes.size()}, memory_bytes, name);  // libhdf5 copies it
  const H5Reader file(bytes, name);
  const ModelConfig config = LoadConfig(file, ContractFrom(file, name), bytes.size(), name);
  RequireMemory(MemoryFor(file, config, bytes.size()), memory_bytes, name);
  Checkpoint checkpoint{config,
                        LoadParameters(file, config, "/weights", Missing::kDamage, name),
                        LoadCalibration(file, config, name),
                        file.ReadDataset<uint8_t>("/tokenizer"),
                        std::nullopt,
                        LoadProvenance(file, name),
                        LoadMemory(file, config, name)};
  if (file.Has("/training")) checkpoint.training = LoadTraining(file, format_version, config, name);
  return checkpoint;
}

Checkpoint LoadCheckpoint(const std::string& path) { return LoadCheckpoint(ReadFile(path), path); }

}  // namespace occam
