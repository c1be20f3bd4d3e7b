// Names and shapes that saving and loading a checkpoint share (model/checkpoint/checkpoint.h).
#ifndef OCCAM_MODEL_CHECKPOINT_CHECKPOINT_LAYOUT_H_
#define OCCAM_MODEL_CHECKPOINT_CHECKPOINT_LAYOUT_H_

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "data/base/error.h"
#include "data/base/format.h"
#include "model/checkpoint/h5_file.h"
#include "model/config.h"
#include "model/parameters.h"

namespace occam {

// Visitors of Provenance or const Provenance, and so on: visit(name, field) for each.

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
  visit("data_sha256", source.train_sha256);
}

template <typename Source, typename Visit>
void ForEachTrainBound(Source& source, const Visit& visit) {
  visit("train_begin", source.train.begin);
  visit("train_end", source.train.end);
}

template <typename Source, typename Visit>
void ForEachValidationBound(Source& source, const Visit& visit) {
  visit("validation_begin", source.validation.begin);
  visit("validation_end", source.validation.end);
}

inline H5Shape ShapeOf(const ParameterSpec& spec) {
  if (spec.rows == 1) return {spec.columns};
  return {spec.rows, spec.columns};
}

inline H5Shape MemoryShape(const ModelConfig& config) {
  return {config.memory_rows(), config.memory_width};
}

// Numbers in the tensors of ParameterTable: all parameters but the memory's rows.
inline int64_t TableSize(const ModelConfig& config) {
  return ParameterCount(config) - config.memory_rows() * config.memory_width;
}

inline H5Shape CalibrationShape(const ModelConfig& config) {
  return {config.layers, config.kv_heads};
}

// Throws `kind` with the path of the tensor.
inline void CheckFinite(std::span<const float> values, const std::string& path, ErrorKind kind) {
  const auto bad =
      std::find_if_not(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  if (bad != values.end()) {
    throw Error(kind, fmt::format("{} holds a value that is not finite (element {})", path,
                                  bad - values.begin()));
  }
}

}  // namespace occam

#endif  // OCCAM_MODEL_CHECKPOINT_CHECKPOINT_LAYOUT_H_
