// write_checkpoint PATH: saves a sample checkpoint and prints, from what it loads again, what
// checkpoint_read.py must print of that file.

#include <cstdio>

#include "data/base/digest.h"
#include "data/base/format.h"
#include "tests/model/checkpoint/sample_checkpoint.h"

namespace occam {
namespace {

template <typename T>
void PrintArray(const std::string& path, const std::string& type, const std::string& shape,
                const std::vector<T>& values) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  const Sha256Digest digest = Sha256Of({bytes, values.size() * sizeof(T)});
  fmt::print("{} {} [{}] {}\n", path, type, shape, Hex(std::span(digest).first(8)));
}

void PrintParameters(const std::string& group, const ParameterSet& set) {
  for (size_t i = 0; i < set.table().size(); ++i) {
    const ParameterSpec& spec = set.table()[i];
    const auto values = set.tensor(static_cast<int>(i));
    const std::string rows = spec.rows == 1 ? "" : fmt::format("{}, ", spec.rows);
    PrintArray(group + "/" + spec.name, "float32", fmt::format("{}{}", rows, spec.columns),
               std::vector<float>(values.begin(), values.end()));
  }
}

void Print(const Checkpoint& checkpoint) {
  const ModelConfig& c = checkpoint.config;
  fmt::print("config: context={} conv_width={} heads={} kv_heads={} layers={} mlp_factor={} ",
             c.context, c.conv_width, c.heads, c.kv_heads, c.layers, c.mlp_factor);
  std::string windows;
  for (const int32_t window : c.windows)
    windows += fmt::format("{}{}", windows.empty() ? "" : ", ", window);
  fmt::print("vocabulary={} width={} windows=[{}]\n", c.vocabulary, c.width, windows);
  fmt::print("command_line: {}\n", checkpoint.provenance.command_line);
  const std::string maxima_shape = fmt::format("{}, {}", c.layers, c.kv_heads);
  PrintArray("/calibration/key_maxima", "float32", maxima_shape, checkpoint.calibration.key_maxima);
  PrintArray("/calibration/value_maxima", "float32", maxima_shape,
             checkpoint.calibration.value_maxima);
  const std::vector<float>& steps = checkpoint.calibration.row_steps;
  PrintArray("/calibration/row_steps", "float32", fmt::format("{}", steps.size()), steps);
  std::vector<double> curve;
  for (const ValidationPoint& point : checkpoint.provenance.validation_curve) {
    curve.push_back(point.bytes_seen);
    curve.push_back(point.bits_per_byte);
  }
  PrintArray("/provenance/validation_curve", "float64", fmt::format("{}, 2", curve.size() / 2),
             curve);
  PrintArray("/tokenizer", "uint8", fmt::format("{}", checkpoint.tokenizer.size()),
             checkpoint.tokenizer);
  for (const auto& [name, values] : checkpoint.training->lists)
    PrintArray("/training/lists/" + name, "float64", fmt::format("{}", values.size()), values);
  for (const auto& [name, set] : checkpoint.training->tensors)
    PrintParameters("/training/tensors/" + name, set);
  PrintParameters("/weights", checkpoint.weights);
  fmt::print("step: {}\n", checkpoint.training->counters.at("step"));
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  occam::SaveCheckpoint(argv[1], occam::SampleCheckpoint());
  occam::Print(occam::LoadCheckpoint(argv[1]));
  return 0;
}
