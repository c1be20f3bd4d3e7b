// Speech as 8-bit samples.
//
// A sample of 16 bits becomes the byte (sample >> 8) + 128, the shift rounding down: 128 is
// silence. That is what Deletang et al. (2024, "Language modeling is compression") do.
#ifndef OCCAM_DATA_SPEECH_H_
#define OCCAM_DATA_SPEECH_H_

#include <cstdint>
#include <span>
#include <string>

#include "data/base/file.h"

namespace occam {

constexpr int kSpeechSampleRateHz = 16000;

// FLAC or WAV through libsndfile: one channel, kSpeechSampleRateHz, integer samples of 8 to 32
// bits, of which the upper 8 are kept. `name` is for messages. Throws kDamaged (truncated, broken,
// neither format, no sample), kUsage (another rate, more channels, floating-point samples: nothing
// is resampled or mixed here).
Bytes DecodeSpeech(std::span<const uint8_t> file, const std::string& name);

}  // namespace occam

#endif  // OCCAM_DATA_SPEECH_H_
