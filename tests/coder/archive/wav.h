// WAV files for tests, made by a script: a header, and music that is the same everywhere but for
// the last bits of sines.
#ifndef OCCAM_TESTS_CODER_ARCHIVE_WAV_H_
#define OCCAM_TESTS_CODER_ARCHIVE_WAV_H_

#include <cstdint>
#include <vector>

#include "data/base/file.h"

namespace occam {

struct WavHeader {
  int channels = 1;
  int bits = 16;
  int rate = 16000;
  uint32_t kind = 1;          // PCM
  uint32_t data_bytes = ~0u;  // that the header tells; ~0: as many as there are
  Bytes chunk_before;         // the body of a chunk before the samples
  Bytes after;                // that follows the samples
};
Bytes WavFile(const WavHeader& header, const Bytes& samples);

// Samples of 16 bits as bytes, little-endian.
Bytes BytesOfSamples(const std::vector<int32_t>& samples);

// Notes of a few instruments at places between left and right, in a room, with a little noise:
// `frames` of one channel or two.
std::vector<int32_t> Music(size_t frames, int channels, int rate, uint64_t seed);

}  // namespace occam

#endif  // OCCAM_TESTS_CODER_ARCHIVE_WAV_H_
