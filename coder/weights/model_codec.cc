#include "coder/weights/model_codec.h"

#include <algorithm>
#include <utility>

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

constexpr int32_t kLeastProbability = 512;  // out of 65536

size_t ValueScaleCount(const ModelConfig& c) {
  return static_cast<size_t>(c.layers) * static_cast<size_t>(c.kv_heads);
}

// Makes room for a tensor; its floats are decoded and checked before there is room for its codes.
void DecodeTensor(const ParameterSpec& spec, ModelWalk<BitDecoder>* walk, QuantizedTensor* tensor,
                  const std::string& name) {
  const bool coded = spec.coding == Coding::kRowCodes;
  tensor->floats.resize(static_cast<size_t>(coded ? spec.rows : spec.size()));
  walk->TensorFloats(spec, tensor);
  CheckFloats(spec, tensor->floats, name);
  if (!coded) return;
  tensor->codes.resize(static_cast<size_t>(spec.size()));
  walk->TensorCodes(spec, tensor);
}

// Versions, configuration and tokenizer, up to the stream.
struct CodedHead {
  uint32_t format = 0;
  QuantizedModel model;  // without tensors; of coded merges the tokenizer's head
  uint64_t tokenizer_bytes() const {
    return format == kCodedMerges ? kMostMergesBytes : model.tokenizer.size();
  }
};

CodedHead ReadHead(ByteReader* in) {
  const std::string& name = in->name();
  in->GetBytes(sizeof(kMagic));
  CodedHead head;
  head.format = in->Get<uint32_t>();
  const auto contract = in->Get<uint32_t>();
  if (head.format != kPlainTokenizer && head.format != kCodedMerges) {
    throw DamagedError(
        fmt::format("{}: coded models of format {} are not known here (known: {} and {})", name,
                    head.format, kPlainTokenizer, kCodedMerges));
  }
  GetModelHead(contract, in, &head.model);
  return head;
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

CodedModel EncodeModel(const QuantizedModel& model, const std::function<void()>& keep_on) {
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
  ModelWalk walk(&bits, keep_on);
  CodedModel coded;
  coded.tokenizer_bytes = head.tokenizer.size() + encoder.bytes_written();
  const auto table = ParameterTable(model.config);
  for (size_t i = 0; i < table.size(); ++i) {
    const size_t before = encoder.bytes_written();
    walk.TensorFloats(table[i], &walked.tensors[i]);
    walk.TensorCodes(table[i], &walked.tensors[i]);
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

QuantizedModel DecodeModel(std::span<const uint8_t> bytes, const std::string& name,
                           const ReadLimits& limits) {
  if (!IsCodedModel(bytes)) throw DamagedError(name + " is no coded Occam model");
  ByteReader in(bytes, name);
  CodedHead head = ReadHead(&in);
  if (in.remaining() < sizeof(Sha256Digest)) throw DamagedError(name + " ends too early");
  const auto payload = in.GetBytes(in.remaining() - sizeof(Sha256Digest));
  const auto id = in.GetBytes(sizeof(Sha256Digest));
  RequireMemory(bytes.size() + ModelBytes(head.model.config, head.tokenizer_bytes()),
                limits.memory_bytes, name);
  QuantizedModel model = std::move(head.model);
  RangeDecoder decoder(payload);
  if (head.format == kCodedMerges)
    model.tokenizer = DecodeMerges(model.tokenizer, &decoder, name, limits.keep_on);
  BitDecoder bits(&decoder, kLeastProbability);
  ModelWalk walk(&bits, limits.keep_on);
  for (const ParameterSpec& spec : ParameterTable(model.config))
    DecodeTensor(spec, &walk, &model.tensors.emplace_back(), name);
  model.memory.codes.resize(
      static_cast<size_t>(model.config.memory_rows() * model.config.memory_width));
  WalkMemory(model.config, &walk, &model.memory, [](size_t) {});
  CheckMemory(model, name);
  if (!model.config.llama) model.key_scales.resize(ValueScaleCount(model.config));
  model.value_scales.resize(ValueScaleCount(model.config));
  walk.CacheScales(&model.key_scales);
  walk.CacheScales(&model.value_scales);
  CheckCacheScales(model, name);
  const Sha256Digest decoded = ModelId(model);
  if (!decoder.ConsumedExactly() || !std::equal(decoded.begin(), decoded.end(), id.begin()))
    throw DamagedError(name + ": the model does not have the id it says: it is damaged");
  return model;
}

ModelHead ReadModelHead(std::span<const uint8_t> file, const std::string& name) {
  ByteReader in(file, name);
  if (IsCodedModel(file)) {
    const CodedHead head = ReadHead(&in);
    return {head.model.config, head.tokenizer_bytes()};
  }
  if (!IsModelFile(file)) throw DamagedError(name + " is no Occam model (.occm)");
  in.GetBytes(sizeof(kMagic) + sizeof(uint32_t));  // and the format
  const auto contract = in.Get<uint32_t>();
  in.GetBytes(sizeof(uint64_t));  // the length
  QuantizedModel model;
  GetModelHead(contract, &in, &model);
  return {model.config, model.tokenizer.size()};
}

bool IsCodedModel(std::span<const uint8_t> first_bytes) {
  return first_bytes.size() >= sizeof(kMagic) &&
         std::equal(std::begin(kMagic), std::end(kMagic), first_bytes.begin());
}

}  // namespace occam
