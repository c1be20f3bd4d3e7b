// A model as compressor and decompressor must know it: its names, and how to make predictors.
#ifndef OCCAM_CODER_PREDICT_CODEC_MODEL_H_
#define OCCAM_CODER_PREDICT_CODEC_MODEL_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "coder/container/container_format.h"
#include "coder/predict/predictor.h"
#include "data/tokenizer/tokenizer.h"

namespace occam {

struct CodecModel {
  // Makes a predictor of its own for each call, from one thread at a time. The predictor may use
  // `threads` threads by itself, which never shows in what it predicts.
  std::function<std::unique_ptr<Predictor>(int threads, ContextMode mode)> factory;
  // Makes a tokenizer of its own for each call. Where there is none, a symbol is a byte.
  std::function<std::unique_ptr<Tokenizer>()> tokenizer;
  int32_t vocabulary = 0;
  uint32_t context = 0;  // in symbols; docs/spec/occ.md says what it means in each mode
  Sha256Digest model_id{};
  TokenizerId tokenizer_id{};
  uint8_t contract_version = 0;
  // Kinds of contexts, which Predictor::SetKind takes. Where there are several, each segment tells
  // its own.
  int kinds = 1;
  // Number of bytes that decoding reads again for every symbol of a lane. It serves to share
  // threads well, never for what is written.
  uint64_t lane_bytes = 0;
  // Its costs: bytes in memory, bytes of a predictor of `factory` with these many threads and lanes
  // (none: few) but for its expert, multiplications a symbol.
  uint64_t model_bytes = 0;
  std::function<uint64_t(int threads, ContextMode mode, int lanes)> predictor_bytes;
  uint64_t symbol_multiplications = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_CODEC_MODEL_H_
