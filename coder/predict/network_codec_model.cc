// What the container asks of a network: its predictors for every mode, its tokenizer and its costs.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "coder/predict/adaptive_mixer.h"
#include "coder/predict/adaptive_predictor.h"
#include "coder/predict/network_predictor.h"
#include "coder/predict/serial_mixing.h"
#include "data/base/error.h"
#include "data/tokenizer/table_tokenizer.h"
#include "data/tokenizer/tokenizer.h"
#include "model/config_fields.h"
#include "model/exact/network_memory.h"

namespace occam {
namespace {

std::unique_ptr<Tokenizer> TokenizerOf(const ExactNetwork& network) {
  auto tokenizer = LoadTokenizer(network.model().tokenizer, "the model");
  if (tokenizer->vocabulary() != network.config().vocabulary) {
    throw DamagedError("the model has a vocabulary of " +
                       std::to_string(network.config().vocabulary) + ", its tokenizer one of " +
                       std::to_string(tokenizer->vocabulary()));
  }
  return tokenizer;
}

// All sessions together have the lanes, one more each by rounding.
uint64_t PredictorBytes(const ModelConfig& config, int threads, ContextMode mode, int lanes) {
  const auto sessions =
      static_cast<uint64_t>(NetworkPredictor::MostSessions(std::max(threads, 1), mode, lanes));
  const auto all_lanes = static_cast<uint64_t>(lanes) + sessions;
  const auto vocabulary = static_cast<uint64_t>(config.vocabulary);
  uint64_t bytes = SaturatingProduct(sessions, PassBytes(config));
  bytes = SaturatingSum(bytes, SaturatingProduct(all_lanes, LaneBytes(config)));
  bytes = SaturatingSum(bytes, all_lanes * vocabulary * sizeof(uint32_t));
  return mode == ContextMode::kFirstAdaptive ? SaturatingSum(bytes, kAdaptiveMixerBytes) : bytes;
}

}  // namespace

CodecModel NetworkCodecModel(const ExactNetwork& network, uint32_t context) {
  CodecModel model;
  model.vocabulary = network.config().vocabulary;
  TokenizerOf(network);  // refuses one that does not fit
  if (network.model().tokenizer != ByteTokenizer().Serialise())
    model.tokenizer = [&network] { return TokenizerOf(network); };
  model.context = context == 0 ? static_cast<uint32_t>(network.config().context) : context;
  model.model_id = network.id();
  const Sha256Digest tokenizer = Sha256Of(network.model().tokenizer);
  std::copy_n(tokenizer.begin(), model.tokenizer_id.size(), model.tokenizer_id.begin());
  model.contract_version = static_cast<uint8_t>(ContractOf(network.config()));
  model.kinds = network.config().kind_count();
  TellCosts({network.config(), network.model().tokenizer.size()}, &model);
  model.factory = [&network, context = model.context](
                      int threads, ContextMode mode) -> std::unique_ptr<Predictor> {
    if (mode == ContextMode::kChunked || mode == ContextMode::kCarried)
      return std::make_unique<NetworkPredictor>(network, context, threads, mode);
    auto carried =
        std::make_unique<NetworkPredictor>(network, context, threads, ContextMode::kCarried);
    if (mode == ContextMode::kFirstAdaptive)
      return std::make_unique<FirstAdaptivePredictor>(std::move(carried), AdaptiveMixer());
    if (HasSerialExpert(mode)) {
      Expert expert(/*with_network=*/true, FastMixerKernels(), ExpertFormOf(mode));
      return std::make_unique<SerialAdaptivePredictor>(std::move(carried), std::move(expert));
    }
    return std::make_unique<AdaptivePredictor>(std::move(carried), FastMixerKernels(),
                                               StepFormOf(mode));
  };
  const NetworkPredictor trial(network, model.context,
                               1);  // refuses a context that the network has not
  return model;
}

void TellCosts(const ModelHead& head, CodecModel* model) {
  const ModelConfig& c = head.config;
  for (int l = 0; l < c.layers; ++l)
    model->lane_bytes +=
        2 * static_cast<uint64_t>(c.kv_width()) * static_cast<uint64_t>(c.window(l));
  model->model_bytes = ModelBytes(c, head.tokenizer_bytes) + PreparedBytes(c);
  // A large table of tokens takes more in memory than in the file; each segment has its own.
  const uint64_t tokenizer = c.llama ? TableTokenizer::MemoryBytes(head.tokenizer_bytes) : 0;
  model->predictor_bytes = [c, tokenizer](int threads, ContextMode mode, int lanes) {
    return SaturatingSum(PredictorBytes(c, threads, mode, lanes), tokenizer);
  };
  model->symbol_multiplications = SymbolMultiplications(c);
}

}  // namespace occam
