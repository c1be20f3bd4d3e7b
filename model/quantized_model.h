// A model as the exact network sees it: integers, and floats of at most 16 significant bits
// (docs/spec/contract.md), and its flat file, .occm. Needs nothing but the C++ standard library and
// a hash.
#ifndef OCCAM_MODEL_QUANTIZED_MODEL_H_
#define OCCAM_MODEL_QUANTIZED_MODEL_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/base/byte_order.h"
#include "data/base/digest.h"
#include "data/base/file.h"
#include "data/base/memory.h"
#include "model/code_array.h"
#include "model/config.h"

namespace occam {

struct ParameterSpec;

// The version of the numeric contract. Two programs of one version agree on every frequency.
constexpr int kContractVersion = 3;
// Its successor, which has what a memory and signals need besides (docs/spec/memory.md,
// signals.md). It is not frozen yet.
constexpr int kMemoryContract = 4;
constexpr int kMaxWeightCode = 63;  // of the family; ParameterSpec::most_code tells a tensor's

// One tensor of ParameterTable.
struct QuantizedTensor {
  CodeArray codes;  // Coding::kRowCodes: [rows, columns]; else empty
  std::vector<float>
      floats;  // Coding::kRowCodes: one scale a row [rows]; Coding::kFloats: the values [columns]
};

// The rows of all tables of a memory; empty in a model without.
struct QuantizedMemory {
  float step = 0;             // a row's numbers are codes times this
  std::vector<int8_t> codes;  // [memory_rows, memory_width], table after table
};

struct QuantizedModel {
  ModelConfig config;
  std::vector<QuantizedTensor> tensors;  // in the order of ParameterTable(config)
  std::vector<float> key_scales;         // [layers * kv_heads]; none where keys are scaled by token
  std::vector<float> value_scales;       // [layers * kv_heads]
  Bytes tokenizer;                       // serialised
  QuantizedMemory memory = {};
};

// Throw kDamaged unless a part of a model is within the contract's bounds. The parts are a tensor's
// shape, codes and floats, its floats alone, the memory, the scales of keys and values. Readers
// check each part as soon as they have it, so that nothing more is read of what is no model.
void CheckTensor(const ParameterSpec& spec, const QuantizedTensor& tensor, const std::string& name);
void CheckFloats(const ParameterSpec& spec, std::span<const float> floats, const std::string& name);
void CheckMemory(const QuantizedModel& model, const std::string& name);
void CheckCacheScales(const QuantizedModel& model, const std::string& name);

// Throws kDamaged unless the configuration, every shape, code and float is within the contract's
// bounds (quantized_model.cc gives them and shows that nothing overflows within them); the message
// names the tensor.
void CheckModel(const QuantizedModel& model, const std::string& name);

// Returns how many bytes a QuantizedModel of this configuration takes, and how many of them are
// codes of tensors.
uint64_t ModelBytes(const ModelConfig& config, uint64_t tokenizer_bytes);
uint64_t CodeBytes(const ModelConfig& config);

// The .occm block; its layout is described in docs/spec/occm.md. Parse checks everything,
// CheckModel included, and throws kDamaged; `name` is for the message. Bytes after the block are
// kDamaged. The limit is for the block and the model together (kMemory).
Bytes SerialiseModel(const QuantizedModel& model);
QuantizedModel ParseModel(std::span<const uint8_t> bytes, const std::string& name,
                          const ReadLimits& limits = {});
// The same, but the codes of tensors are views of `bytes`, which must stay as long as the model.
// They are not counted.
QuantizedModel ViewModel(std::span<const uint8_t> bytes, const std::string& name,
                         const ReadLimits& limits = {});
bool IsModelFile(std::span<const uint8_t> first_bytes);  // by the magic
constexpr size_t kModelPrefixBytes = 24;                 // before the configuration

// Configuration and tokenizer, with which flat and coded form (coder/weights/model_codec.h) begin.
// `contract` is what the file says; Get throws kDamaged, also for a contract that is not known
// here.
void PutModelHead(const QuantizedModel& model, ByteWriter* out);
void GetModelHead(uint32_t contract, ByteReader* in, QuantizedModel* model);

// SHA-256 over configuration, codes, scales, gains, tokenizer and contract version, whatever form
// the file has.
Sha256Digest ModelId(const QuantizedModel& model);

}  // namespace occam

#endif  // OCCAM_MODEL_QUANTIZED_MODEL_H_
