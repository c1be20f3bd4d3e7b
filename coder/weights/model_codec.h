// A model entropy-coded, for shipping: the same model (the same id) in fewer bytes than .occm's
// flat block, the merges of its tokenizer too (tokenizer_codec.h). What the ledger charges is the
// length of this form. Its layout is in docs/spec/coded_models.md.
//
// Weights come in the order of the tensors, row by row. A weight's code is a magnitude, by binary
// decisions from the most significant bit on, and a sign. A decision is predicted in four contexts,
// mixed (bit_model.h): the kind of tensor; how large the row's codes were so far; how large the
// column's were; the two together. What is learned stays from tensor to tensor. Rows of a memory
// that hold nothing cost a cheap decision each (docs/spec/memory.md, section 4).
#ifndef OCCAM_CODER_WEIGHTS_MODEL_CODEC_H_
#define OCCAM_CODER_WEIGHTS_MODEL_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/base/file.h"
#include "data/base/memory.h"
#include "model/quantized_model.h"

namespace occam {

struct CodedModel {
  Bytes bytes;
  size_t tokenizer_bytes = 0;  // what the tokenizer took, to some bytes
  std::vector<size_t>
      tensor_bytes;  // what each tensor took, to some bytes, in ParameterTable's order
  std::vector<size_t> table_bytes;  // what each table of the memory took, in the order of its rules

  // Returns what the memory took in all: its tables, and the tensors that bring their rows in.
  size_t MemoryBytes(const ModelConfig& config) const;
};

// `keep_on`, which may be null, is called often; an exception thrown there comes out.
CodedModel EncodeModel(const QuantizedModel& model, const std::function<void()>& keep_on = nullptr);

// Throws kDamaged, `name` in the message, unless the bytes are a coded model, all of it and nothing
// more; what is no model is found at its first tensor that is none. A few bytes can stand for any
// number of weights that are zero. So these are counted by the configuration before there is room
// for them: bytes and model together are within the limit (kMemory).
QuantizedModel DecodeModel(std::span<const uint8_t> bytes, const std::string& name,
                           const ReadLimits& limits = {});

// The beginning of a model file, flat or coded.
struct ModelHead {
  ModelConfig config;
  uint64_t tokenizer_bytes = 0;  // that the tokenizer takes in memory, at most
};
// Throws kDamaged.
ModelHead ReadModelHead(std::span<const uint8_t> file, const std::string& name);
bool IsCodedModel(std::span<const uint8_t> first_bytes);  // by the magic

}  // namespace occam

#endif  // OCCAM_CODER_WEIGHTS_MODEL_CODEC_H_
