// A segment with rows of pixels, as a payload (docs/spec/photo.md).
#ifndef OCCAM_CODER_PREDICT_PHOTO_PHOTO_CODEC_H_
#define OCCAM_CODER_PREDICT_PHOTO_PHOTO_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "coder/predict/expert/mixer_kernels.h"
#include "coder/predict/photo/photo_layout.h"
#include "data/base/file.h"

namespace occam {

// The layout at the beginning of a payload: `first`, `rows`, `width`, `stride`, `channels`. Where
// pixels are blocks one more byte tells where these begin.
constexpr size_t kPhotoLayoutBytes = 17;

// Takes the number of bytes done since the last call.
using PhotoCountFn = std::function<void(uint32_t bytes)>;

// The most memory that either takes for a segment of so many bytes, beside it and its payload.
uint64_t PhotoMemoryBytes(uint64_t bytes);

// Returns the payload; nothing where it has more than `most_bytes`. `layout` fits the bytes.
std::optional<Bytes> EncodePhoto(std::span<const uint8_t> original, const PhotoLayout& layout,
                                 size_t most_bytes, const MixerKernels& kernels,
                                 const PhotoCountFn& count);

// Returns the original bytes; nothing where no encoder writes this payload for so many. Nothing is
// allocated for a layout that does not fit them. Throws kDamaged.
std::optional<Bytes> DecodePhoto(std::span<const uint8_t> payload, size_t original_bytes,
                                 const MixerKernels& kernels, const PhotoCountFn& count);

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_PHOTO_CODEC_H_
