#include "coder/baselines/codec_continuation.h"

#include <algorithm>

namespace occam {

CodecContinuation::CodecContinuation(const ClassicalCodec& codec, size_t look_back, int threads)
    : codec_(codec),
      form_(codec.facts().removed.empty() ? ClassicalCodec::Form::kFile
                                          : ClassicalCodec::Form::kBare),
      look_back_(look_back),
      team_(threads) {}

std::array<uint64_t, 256> CodecContinuation::Bits() {
  const size_t size = look_back_ == 0 ? text_.size() : std::min(look_back_, text_.size());
  std::array<uint64_t, 256> bits{};
  team_.Run(256, [&](int byte, int) {
    Bytes text(text_.end() - static_cast<std::ptrdiff_t>(size), text_.end());
    text.push_back(static_cast<uint8_t>(byte));
    bits[static_cast<size_t>(byte)] = 8 * codec_.Compress(text, form_).size();
  });
  return bits;
}

uint8_t CodecContinuation::Next(SymbolSampler* sampler) {
  const auto byte = static_cast<uint8_t>(sampler->DrawByBits(Bits()));
  text_.push_back(byte);
  return byte;
}

}  // namespace occam
