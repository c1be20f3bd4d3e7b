// A segment of samples of sound: recognised, coded, restored. docs/spec/sound.md defines the
// payload.
#ifndef OCCAM_CODER_ARCHIVE_SOUND_SEGMENT_H_
#define OCCAM_CODER_ARCHIVE_SOUND_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "coder/predict/predictor.h"
#include "data/base/file.h"

namespace occam {

// The place of a segment's samples: `head` other bytes, frames, `tail` other bytes. A frame is a
// sample of each channel, 16 bits, little-endian.
struct SoundGeometry {
  uint32_t head = 0;  // together with the tail at most kMostOtherBytes
  uint32_t tail = 0;
  int channels = 1;
  int zero_bits = 0;  // the lowest bits of a sample that are 0 in all of them; at most 15

  size_t frame_bytes() const { return 2 * static_cast<size_t>(channels); }
  bool operator==(const SoundGeometry&) const = default;
};
constexpr uint32_t kMostOtherBytes = 1 << 14;

// Returns the geometry that the header of a WAV file tells, or that a cheap look finds in samples
// without one. Nothing where the header tells of something else than 16 bits in one channel or two,
// and where neighbouring samples do not resemble each other.
std::optional<SoundGeometry> FindSound(std::span<const uint8_t> bytes);

// Parts of the frames that stand for all, each coded alone: [begin, begin + size) in bytes.
struct SoundSample {
  size_t size = 0;  // of each part
  std::vector<size_t> begins;
};
SoundSample SampleOfSound(size_t bytes, const SoundGeometry& geometry);

// Takes the number of original bytes done since the last call.
using SoundCountFn = std::function<void(uint32_t bytes)>;

// Returns the payload, or nothing where it has more than `most_bytes`. The geometry must fit.
// `around` is a predictor of bytes, which codes head and tail.
std::optional<Bytes> EncodeSound(std::span<const uint8_t> original, const SoundGeometry& geometry,
                                 Predictor& around, size_t most_bytes, const SoundCountFn& count);

// Returns nothing where no encoder writes this payload for so many bytes, or throws kDamaged.
std::optional<Bytes> DecodeSound(std::span<const uint8_t> payload, uint32_t original_bytes,
                                 Predictor& around, const SoundCountFn& count);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_SOUND_SEGMENT_H_
