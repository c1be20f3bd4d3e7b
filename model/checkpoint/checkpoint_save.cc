
#include <algorithm>
#include <bit>
#include <cstdint>

#include "data/base/error.h"
#include "data/base/format.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/checkpoint_block.h"
#include "model/checkpoint/checkpoint_layout.h"
#include "model/checkpoint/h5_file.h"
#include "model/config_fields.h"

namespace occam {
namespace {

enum class Zeros { kKept, kLeftOut };

// Whether all are +0, whose bits are zeros.
bool IsZero(std::span<const float> values) {
  return std::ranges::all_of(values, [](float v) { return std::bit_cast<uint32_t>(v) == 0; });
}

void SaveParameters(const ParameterSet& set, const ModelConfig& config, const std::string& group,
                    Zeros zeros, H5Writer* file) {
  if (set.size() != TableSize(config)) {
    throw InternalError(group + " does not belong to the configuration it is saved with");
  }
  file->CreateGroup(group);
  for (size_t i = 0; i < set.table().size(); ++i) {
    const ParameterSpec& spec = set.table()[i];
    const std::string path = group + "/" + spec.name;
    const auto values = set.tensor(static_cast<int>(i));
    if (zeros == Zeros::kLeftOut && IsZero(values)) continue;
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
  if (config.has_memory())
    file->WriteAttribute<float>("/calibration", "memory_step", calibration.memory_step);
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
  if (!training.arrays.empty()) file->CreateGroup("/training/arrays");
  for (const auto& [name, array] : training.arrays)
    file->WriteDataset<float>("/training/arrays/" + name, {static_cast<int64_t>(array.size())},
                              array);
  for (const auto& [name, set] : training.tensors) {
    if (name.empty() || name == "." || name.find_first_of(std::string("/\0", 2)) != name.npos)
      throw InternalError("'" + name + "' cannot name the tensors of a training state");
    SaveParameters(set, config, "/training/tensors/" + name, Zeros::kLeftOut, file);
  }
}

void SaveSignals(const ModelConfig& config, H5Writer* file) {
  if (!config.has_signals()) return;
  std::vector<int32_t> rules;
  for (const SignalRule rule : config.signal_rules) rules.push_back(static_cast<int32_t>(rule));
  file->WriteAttributeList<int32_t>("/config", "signal_rules", rules);
  file->WriteAttribute<int32_t>("/config", "record_width", config.record_width);
  file->WriteAttribute<int32_t>("/config", "record_height", config.record_height);
  file->WriteAttribute<int32_t>("/config", "residual", config.residual ? 1 : 0);
  if (config.has_lattice())
    file->WriteAttributeList<int32_t>("/config", "signal_qualities", config.lattice_qualities);
  if (config.kinds.empty()) return;
  const std::vector<int32_t> kinds(config.kinds.begin(), config.kinds.end());
  file->WriteAttributeList<int32_t>("/config", "signal_kinds", kinds);
}

void SaveMemory(const MemoryRows& memory, const ModelConfig& config, H5Writer* file) {
  if (static_cast<int64_t>(memory.values.size()) != config.memory_rows() * config.memory_width)
    throw InternalError("/memory does not belong to the configuration it is saved with");
  if (!config.has_memory()) return;
  std::vector<int32_t> rules;
  for (const RowRule& rule : config.memory_rules) {
    for (const int32_t number :
         {int32_t{static_cast<uint8_t>(rule.kind)}, int32_t{rule.count}, int32_t{rule.bits}})
      rules.push_back(number);
  }
  file->WriteAttributeList<int32_t>("/config", "memory_rules", rules);
  file->WriteAttribute<int32_t>("/config", "memory_width", config.memory_width);
  file->WriteAttribute<int32_t>("/config", "memory_gate", config.memory_gate);
  CheckFinite(memory.values, "/memory", ErrorKind::kInternal);
  file->WriteDataset<float>("/memory", MemoryShape(config), memory.values);
}

void SaveCurve(const ValidationCurve& points, const std::string& group, H5Writer* file) {
  std::vector<double> curve;
  for (const ValidationPoint& point : points) {
    curve.push_back(point.bytes_seen);
    curve.push_back(point.bits_per_byte);
  }
  file->WriteDataset<double>(group + "/validation_curve", {static_cast<int64_t>(points.size()), 2},
                             curve);
}

void SaveRanges(const TrainingSource& source, const std::string& group, H5Writer* file) {
  const auto save = [&](const char* name, int64_t value) {
    file->WriteAttribute<int64_t>(group, name, value);
  };
  ForEachTrainBound(source, save);
  ForEachValidationBound(source, save);
}

void SaveSources(const Provenance& provenance, H5Writer* file) {
  file->CreateGroup("/provenance/sources");
  for (size_t i = 0; i < provenance.sources.size(); ++i) {
    const TrainingSource& source = provenance.sources[i];
    const std::string group = fmt::format("/provenance/sources/{:02}", i);
    file->CreateGroup(group);
    ForEachSourceText(source, [&](const char* name, const std::string& text) {
      file->WriteText(group, name, text);
    });
    file->WriteAttribute<int64_t>(group, "record_bytes", source.record_bytes);
    SaveRanges(source, group, file);
    file->WriteAttribute<double>(group, "share", source.share);
    if (source.kind > 0) file->WriteAttribute<int32_t>(group, "kind", source.kind);
    const auto curve = provenance.source_curves.find(source.name);
    SaveCurve(curve == provenance.source_curves.end() ? ValidationCurve() : curve->second, group,
              file);
  }
}

void SaveProvenance(const Provenance& provenance, H5Writer* file) {
  file->CreateGroup("/provenance");
  ForEachText(provenance, [&](const char* name, const std::string& text) {
    file->WriteText("/provenance", name, text);
  });
  const bool plain = !provenance.sources.empty() && !IsMixture(provenance.sources);
  SaveRanges(plain ? provenance.sources[0] : TrainingSource(), "/provenance", file);
  SaveCurve(provenance.validation_curve, "/provenance", file);
  if (IsMixture(provenance.sources)) SaveSources(provenance, file);
}

}  // namespace

void SaveCheckpoint(const std::string& path, const Checkpoint& checkpoint) {
  const ModelConfig& config = checkpoint.config;
  CheckConfig(config, ErrorKind::kInternal);
  H5Writer file(kUserBlockBytes);
  file.WriteAttribute<int32_t>("/", "contract_version", ContractOf(config));
  file.CreateGroup("/config");
  ForEachField(config, [&](const char* name, const int32_t& value) {
    file.WriteAttribute<int32_t>("/config", name, value);
  });
  file.WriteAttributeList<int32_t>("/config", "windows", config.windows);
  SaveParameters(checkpoint.weights, config, "/weights", Zeros::kKept, &file);
  SaveMemory(checkpoint.memory, config, &file);
  SaveSignals(config, &file);
  SaveCalibration(checkpoint.calibration, config, &file);
  file.WriteDataset<uint8_t>("/tokenizer", {static_cast<int64_t>(checkpoint.tokenizer.size())},
                             checkpoint.tokenizer);
  if (checkpoint.training) SaveTraining(*checkpoint.training, config, &file);
  SaveProvenance(checkpoint.provenance, &file);
  Bytes bytes = file.Finish();
  FillUserBlock(checkpoint.training ? kFormatSparse : kFormatWhole, bytes);
  WriteFile(path, bytes);
}

}  // namespace occam
