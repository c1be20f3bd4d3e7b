// Reads reference_step.h5: what PyTorch says of a small network and three optimizer steps. Its
// layout is at the top of reference_step.py, which makes it.
#ifndef OCCAM_TESTS_MODEL_NETWORK_REFERENCE_STEP_H_
#define OCCAM_TESTS_MODEL_NETWORK_REFERENCE_STEP_H_

#include <string>
#include <vector>

#include "data/base/file.h"
#include "model/checkpoint/h5_file.h"
#include "model/parameters.h"

namespace occam {

struct ReferenceStep {
  struct Batch {
    std::vector<int32_t> inputs, targets;  // [sequences, length]
  };

  explicit ReferenceStep(const std::string& path)
      : file(ReadFile(path), path),
        config(ReadConfig(file)),
        weights(ReadTensors("/weights/")),
        gradients(ReadTensors("/gradients/")),
        stepped(ReadTensors("/stepped/")),
        logits(file.ReadDataset<double>("/logits")),
        loss_nats(file.ReadDataset<double>("/loss_nats")),
        gradient_norm(file.ReadDataset<double>("/gradient_norm")) {
    const H5Shape shape = file.Shape("/inputs");
    sequences = static_cast<int>(shape[1]);
    length = static_cast<int>(shape[2]);
    const auto inputs = file.ReadDataset<int32_t>("/inputs");
    const auto targets = file.ReadDataset<int32_t>("/targets");
    const int64_t size = shape[1] * shape[2];
    for (int64_t s = 0; s < shape[0]; ++s) {
      batches.push_back({{inputs.begin() + s * size, inputs.begin() + (s + 1) * size},
                         {targets.begin() + s * size, targets.begin() + (s + 1) * size}});
    }
  }

  // An optimizer's number, such as "muon_rate".
  double Recipe(const std::string& name) const {
    return file.ReadAttribute<double>("/recipe", name);
  }

  H5Reader file;
  ModelConfig config;
  ParameterSet weights, gradients, stepped;
  std::vector<double> logits;  // [sequences, length, V] of batch 0
  std::vector<double> loss_nats, gradient_norm;
  std::vector<Batch> batches;  // one a step
  int sequences = 0;
  int length = 0;

 private:
  static ModelConfig ReadConfig(const H5Reader& file) {
    const auto field = [&](const char* name) {
      return file.ReadAttribute<int32_t>("/config", name);
    };
    ModelConfig config;
    config.vocabulary = field("vocabulary");
    config.width = field("width");
    config.layers = field("layers");
    config.heads = field("heads");
    config.kv_heads = field("kv_heads");
    config.mlp_factor = field("mlp_factor");
    config.conv_width = field("conv_width");
    config.context = field("context");
    config.windows = file.ReadAttributeList<int32_t>("/config", "windows");
    return config;
  }

  ParameterSet ReadTensors(const std::string& group) const {
    ParameterSet set(config);
    for (size_t i = 0; i < set.table().size(); ++i) {
      const ParameterSpec& spec = set.table()[i];
      const std::string path = group + spec.name;
      const H5Shape shape =
          spec.rows == 1 ? H5Shape{spec.columns} : H5Shape{spec.rows, spec.columns};
      file.ReadDataset<float>(path, shape, set.tensor(static_cast<int>(i)));
    }
    return set;
  }
};

}  // namespace occam

#endif  // OCCAM_TESTS_MODEL_NETWORK_REFERENCE_STEP_H_
