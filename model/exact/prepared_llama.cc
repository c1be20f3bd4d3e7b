#include "model/exact/prepared_llama.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "data/base/float_mode.h"

namespace occam {

PreparedLlama::PreparedLlama(QuantizedModel quantized, std::unique_ptr<KernelSet> kernel_set,
                             std::unique_ptr<LlamaKernels> llama_kernels)
    : model(std::move(quantized)),
      kernels(std::move(kernel_set)),
      steps(std::move(llama_kernels)),
      index(model.config) {
  const FloatMode mode;
  CheckModel(model, "the model");
  id = ModelId(model);
  beta = 1.0f / std::sqrt(static_cast<float>(model.config.head_size()));
  for (int l = 0; l < model.config.layers; ++l) layers.push_back(MakeLayer(l));
  head = MakeMatrix({index.head}, model.config.vocabulary - model.config.embedding_rows());
}

PreparedMatrix PreparedLlama::MakeMatrix(std::initializer_list<int> tensors, int zeros) const {
  PreparedMatrix matrix;
  matrix.codes = MakeLinear(tensors, /*rests=*/false, zeros);
  if (model.config.llama->fine) matrix.rest = MakeLinear(tensors, /*rests=*/true, zeros);
  return matrix;
}

// The matrices, or their rests, below each other, as one layer: they have their inputs in common.
// More outputs of zero may follow.
std::unique_ptr<LinearLayer> PreparedLlama::MakeLinear(std::initializer_list<int> tensors,
                                                       bool rests, int zeros) const {
  std::vector<int8_t> codes;
  std::vector<float> scales;
  for (const int t : tensors) {
    const QuantizedTensor& part = tensor(rests ? t + 1 : t);
    codes.insert(codes.end(), part.codes.begin(), part.codes.end());
    scales.insert(scales.end(), part.floats.begin(), part.floats.end());
  }
  const size_t inputs = codes.size() / scales.size();
  scales.resize(scales.size() + static_cast<size_t>(zeros));
  codes.resize(scales.size() * inputs);
  return kernels->MakeLinear(codes, scales, static_cast<int>(scales.size()),
                             static_cast<int>(inputs));
}

PreparedLlamaLayer PreparedLlama::MakeLayer(int l) const {
  const ModelConfig& c = model.config;
  const LayerIndex& at = index.layers[static_cast<size_t>(l)];
  PreparedLlamaLayer layer;
  layer.gains[0] = floats(at.gain1);
  layer.gains[1] = floats(at.gain2);
  layer.q_gain = floats(at.q_gain);
  layer.k_gain = floats(at.k_gain);
  layer.bq = floats(at.bq);
  layer.bo = floats(at.bo);
  layer.bu = floats(at.bu);
  layer.bd = floats(at.bd);
  layer.wqkv = MakeMatrix({at.wq, at.wk, at.wv});
  layer.wo = MakeMatrix({at.wo});
  layer.wgu = c.llama->has_gate() ? MakeMatrix({at.wg, at.wu}) : MakeMatrix({at.wu});
  layer.wd = MakeMatrix({at.wd});
  for (int g = 0; g < c.kv_heads; ++g) {
    const float scale = model.value_scales[static_cast<size_t>(l * c.kv_heads + g)];
    layer.inverse_value_scales.push_back(1.0f / scale);
    layer.value_factors.push_back(c.llama->fine ? scale : 8.0f * scale);
  }
  layer.window = c.window(l);
  // All keys of a tile are stored before its first query looks back over the window.
  layer.capacity = RoundUp(layer.window + kTileRows - 1, kCacheBlock);
  return layer;
}

size_t PreparedLlama::scratch_bytes() const {
  size_t bytes = head.codes->scratch_bytes();  // the rest has the same shape
  for (const PreparedLlamaLayer& layer : layers) {
    for (const auto* matrix : {&layer.wqkv, &layer.wo, &layer.wgu, &layer.wd})
      bytes = std::max(bytes, matrix->codes->scratch_bytes());
  }
  return bytes;
}

}  // namespace occam
