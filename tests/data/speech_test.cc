#include "data/speech.h"

#include <sndfile.h>

#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/data/image_files.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

std::vector<int16_t> Noise(size_t count) {
  std::vector<int16_t> samples(count);
  Random random(5);
  for (int16_t& sample : samples) sample = static_cast<int16_t>(random.Next());
  return samples;
}

TEST_CASE("Speech: FLAC and WAV give the upper 8 bits of each sample, silence at 128") {
  const std::vector<int16_t> samples = {0, 255, 256, -1, -256, -257, 32767, -32768};
  const Bytes expected = {128, 128, 129, 127, 127, 126, 255, 0};
  CHECK(DecodeSpeech(SoundFile(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, samples), "x") ==
        expected);
  CHECK(DecodeSpeech(SoundFile(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000, 1, samples), "x") ==
        expected);
  CHECK(DecodeSpeech(SoundFile(SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 16000, 1, samples), "x") ==
        expected);
  CHECK(DecodeSpeech(SoundFile(SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 16000, 1, samples), "x") ==
        expected);
}

TEST_CASE("Speech: long files come whole") {
  const std::vector<int16_t> samples = Noise(200'000);
  for (const int format : {SF_FORMAT_WAV, SF_FORMAT_FLAC}) {
    const Bytes bytes =
        DecodeSpeech(SoundFile(format | SF_FORMAT_PCM_16, 16000, 1, samples), "sound");
    REQUIRE(bytes.size() == samples.size());
    for (size_t i = 0; i < samples.size(); ++i) {
      REQUIRE(bytes[i] == static_cast<uint8_t>((samples[i] >> 8) + 128));
    }
  }
}

TEST_CASE("Speech: another rate, more channels and floating-point samples are refused") {
  const auto refusal = [](int format, int rate, int channels) {
    const Bytes file = SoundFile(format, rate, channels, Noise(1000));
    return ThrownBy([&] { DecodeSpeech(file, "sound.wav"); });
  };
  const Thrown rate = refusal(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 1);
  CHECK(rate.kind == ErrorKind::kUsage);
  CHECK(rate.Mentions("sound.wav"));
  CHECK(rate.Mentions("44100"));
  const Thrown channels = refusal(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 2);
  CHECK(channels.kind == ErrorKind::kUsage);
  CHECK(channels.Mentions("2 channels"));
  CHECK(refusal(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 1).kind == ErrorKind::kUsage);
  CHECK(refusal(SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 16000, 1).kind == ErrorKind::kDamaged);
}

TEST_CASE("Speech: every truncation is damage, and so is what is no sound") {
  for (const int format : {SF_FORMAT_WAV, SF_FORMAT_FLAC}) {
    const Bytes file = SoundFile(format | SF_FORMAT_PCM_16, 16000, 1, Noise(9000));
    for (size_t size = 0; size < file.size(); size += size < 200 ? 1 : 97) {
      INFO("the first " << size << " bytes of " << file.size());
      CHECK(ThrownBy([&] { DecodeSpeech({file.data(), size}, "x"); }).kind == ErrorKind::kDamaged);
    }
  }
  CHECK(ThrownBy([] { DecodeSpeech(Bytes(1000, 'x'), "x"); }).kind == ErrorKind::kDamaged);
}

TEST_CASE("Speech: flipped bits in the frames of a FLAC are found") {
  const Bytes file = SoundFile(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000, 1, Noise(9000));
  for (size_t byte = 8400; byte < file.size(); byte += 101) {
    Bytes damaged = file;
    damaged[byte] = static_cast<uint8_t>(damaged[byte] ^ 16);
    INFO("byte " << byte << " of " << file.size());
    CHECK(ThrownBy([&] { DecodeSpeech(damaged, "x"); }).kind == ErrorKind::kDamaged);
  }
}

}  // namespace
}  // namespace occam
