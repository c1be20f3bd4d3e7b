// Any codec as a generator: what codes shorter is more probable. p(b | x) is proportional to
// 2^-(bits of the coded x b) (Deletang et al., 2023, "Language Modeling Is Compression", where
// compressors are used as generative models).
#ifndef OCCAM_CODER_BASELINES_CODEC_CONTINUATION_H_
#define OCCAM_CODER_BASELINES_CODEC_CONTINUATION_H_

#include <array>
#include <cstdint>
#include <span>

#include "coder/baselines/classical_codec.h"
#include "coder/predict/symbol_sampler.h"
#include "data/base/thread_team.h"

namespace occam {

// One text. It is not thread-safe; the codec must outlive it.
class CodecContinuation {
 public:
  // The codec sees the last `look_back` bytes before the one in question; 0: all there are. Each
  // byte costs 256 compressions of them, shared among `threads` (0: one a processor).
  CodecContinuation(const ClassicalCodec& codec, size_t look_back, int threads);

  // Takes what is to be continued, once and before Next.
  void Begin(std::span<const uint8_t> prompt) { text_.assign(prompt.begin(), prompt.end()); }

  // Returns, for every byte, the coded length of what is looked back on and that byte. The bare
  // form counts, where the codec has one. Codecs end with whole bytes, so these are multiples of 8.
  // Throws what the codec throws.
  std::array<uint64_t, 256> Bits();

  // Draws the next byte.
  uint8_t Next(SymbolSampler* sampler);

 private:
  const ClassicalCodec& codec_;
  ClassicalCodec::Form form_;
  size_t look_back_;
  ThreadTeam team_;
  Bytes text_;
};

}  // namespace occam

#endif  // OCCAM_CODER_BASELINES_CODEC_CONTINUATION_H_
