#include "coder/weights/model_codec.h"

#include <algorithm>

#include "coder/entropy/bit_coder.h"
#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "coder/weights/model_walk.h"
#include "coder/weights/tokenizer_codec.h"
#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "model/config_fields.h"

namespace occam {
namespace {

constexpr uint8_t kMagic[8] = {'O', 'C', 'C', 'A', 'M', 'Q', 'N', 'Z'};
// 1: the tokenizer as it is serialised; 2: of one of byte pairs its head, the merges in the stream.
constexpr uint32_t kPlainTokenizer = 1;
constexpr uint32_t kCodedMerges = 2;

// No bit is cheaper than 1/90 of one, so that a payload of n bytes holds at most 720 n numbers and
// room is made for no more.
constexpr int32_t kLeastProbability = 512;  // out of 65536
constexpr uint64_t kNumbersPerByte = 1024;

size_t CacheScaleCount(const ModelConfig& c) {
  return static_cast<size_t>(c.layers) * static_cast<size_t>(c.kv_heads);
}

// Sizes all tensors of a model that has its configuration.
void MakeRoom(uint64_t payload_bytes, QuantizedModel* model, const std::string& name) {
  const auto table = ParameterTable(model->config);
  // A row of a memory may be told by one decision.
  uint64_t numbers =
      2 * CacheScaleCount(model->config) + static_cast<uint64_t>(model->config.memory_rows());
  for (const ParameterSpec& spec : table) numbers += static_cast<uint64_t>(spec.size());
  if (numbers / kNumbersPerByte > payload_bytes)
    throw DamagedError(
        fmt::format("{}: {} bytes cannot hold {} weights", name, payload_bytes, numbers));
  for (const ParameterSpec& spec : table) {
    QuantizedTensor& tensor = model->tensors.emplace_back();
    const bool coded = spec.coding == Coding::kRowCodes;
    tensor.floats.resize(static_cast<size_t>(coded ? spec.rows : spec.size()));
    if (coded) tensor.codes.resize(static_cast<size_t>(spec.size()));
  }
  model->memory.codes.resize(
      static_cast<size_t>(model->config.memory_rows() * model->config.memory_width));
  model->key_scales.resize(CacheScaleCount(model->config));
  model->value_scales.resize(CacheScaleCount(model->config));
}

// Walks through the step and the tables; took(table) after each.
template <typename Walk, typename Took>
void WalkMemory(const ModelConfig& config, Walk* walk, QuantizedMemory* memory, const Took& took) {
  if (!config.has_memory()) return;
  walk->MemoryStep(&memory->step);
  int8_t* codes = memory->codes.data();
  for (size_t i = 0; i < config.memory_rules.size(); ++i) {
    const int64_t rows = config.memory_rules[i].rows();
    walk->Table(i, rows, config.memory_width, codes);
    codes += rows * config.memory_width;
    took(i);
  }
}

}  // namespace

size_t CodedModel::MemoryBytes(const ModelConfig& config) const {
  size_t total = 0;
  const auto table = ParameterTable(config);
  for (size_t i = 0; i < table.size(); ++i) total += table[i].of_memory ? tensor_bytes[i] : 0;
  for (const size_t took : table_bytes) total += took;
  return total;
}

CodedModel EncodeModel(const QuantizedModel& model) {
  CheckModel(model, "the model to code");
  QuantizedModel walked = model;
  RangeEncoder encoder;
  // Configuration and what is told of the tokenizer outside the stream.
  QuantizedModel head{model.config, {}, {}, {}, model.tokenizer};
  const bool coded_merges = HasMerges(model.tokenizer);
  if (coded_merges) {
    EncodeMerges(model.tokenizer, &encoder);
    head.tokenizer.resize(kTokenizerHeadBytes);
  }
  BitEncoder bits(&encoder, kLeastProbability);
  ModelWalk walk(&bits);
  CodedModel coded;
  coded.tokenizer_bytes = head.tokenizer.size() + encoder.bytes_written();
  const auto table = ParameterTable(model.config);
  for (size_t i = 0; i < table.size(); ++i) {
    const size_t before = encoder.bytes_written();
    walk.Tensor(table[i], &walked.tensors[i]);
    coded.tensor_bytes.push_back(encoder.bytes_written() - before);
  }
  size_t before = encoder.bytes_written();
  WalkMemory(model.config, &walk, &walked.memory, [&](size_t) {
    coded.table_bytes.push_back(encoder.bytes_written() - before);
    before = encoder.bytes_written();
  });
  walk.CacheScales(&walked.key_scales);
  walk.CacheScales(&walked.value_scales);

  ByteWriter out;
  for (const uint8_t letter : kMagic) out.Put(letter);
  out.Put(coded_merges ? kCodedMerges : kPlainTokenizer);
  out.Put(static_cast<uint32_t>(ContractOf(model.config)));
  PutModelHead(head, &out);
  out.PutBytes(encoder.Finish());
  out.PutBytes(ModelId(model));
  coded.bytes = out.Take();
  return coded;
}

QuantizedModel DecodeModel(std::span<const uint8_t> bytes, const std::string& name) {
  if (!IsCodedModel(bytes)) throw DamagedError(name + " is no coded Occam model");
  ByteReader in(bytes, name);
  in.GetBytes(sizeof(kMagic));
  const auto format = in.Get<uint32_t>();
  const auto contract = in.Get<uint32_t>();
  if (format != kPlainTokenizer && format != kCodedMerges) {
    throw DamagedError(
        fmt::format("{}: coded models of format {} are not known here (known: {} and {})", name,
                    format, kPlainTokenizer, kCodedMerges));
  }
  QuantizedModel model;
  GetModelHead(contract, &in, &model);
  if (in.remaining() < sizeof(Sha256Digest)) throw DamagedError(name + " ends too early");
  const auto payload = in.GetBytes(in.remaining() - sizeof(Sha256Digest));
  const auto id = in.GetBytes(sizeof(Sha256Digest));
  MakeRoom(payload.size(), &model, name);
  RangeDecoder decoder(payload);
  if (format == kCodedMerges) model.tokenizer = DecodeMerges(model.tokenizer, &decoder, name);
  BitDecoder bits(&decoder, kLeastProbability);
  ModelWalk walk(&bits);
  const auto table = ParameterTable(model.config);
  for (size_t i = 0; i < table.size(); ++i) walk.Tensor(table[i], &model.tensors[i]);
  WalkMemory(model.config, &walk, &model.memory, [](size_t) {});
  walk.CacheScales(&model.key_scales);
  walk.CacheScales(&model.value_scales);
  CheckModel(model, name);
  const Sha256Digest decoded = ModelId(model);
  if (!decoder.ConsumedExactly() || !std::equal(decoded.begin(), decoded.end(), id.begin()))
    throw DamagedError(name + ": the model does not have the id it says: it is damaged");
  return model;
}

bool IsCodedModel(std::span<const uint8_t> first_bytes) {
  return first_bytes.size() >= sizeof(kMagic) &&
         std::equal(std::begin(kMagic), std::end(kMagic), first_bytes.begin());
}

}  // namespace occam
