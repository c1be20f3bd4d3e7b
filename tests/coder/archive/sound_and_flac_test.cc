// Sound beside libFLAC at its strongest level, `flac -8`.
#include <FLAC/stream_encoder.h>

#include <memory>

#include "coder/archive/sound_segment.h"
#include "coder/predict/order2_predictor.h"
#include "tests/catch.h"
#include "tests/coder/archive/wav.h"

namespace occam {
namespace {

FLAC__StreamEncoderWriteStatus Count(const FLAC__StreamEncoder*, const FLAC__byte*, size_t bytes,
                                     uint32_t, uint32_t, void* sum) {
  *static_cast<size_t*>(sum) += bytes;
  return FLAC__STREAM_ENCODER_WRITE_STATUS_OK;
}

// The bytes of a stream without padding or a table of places.
size_t FlacBytes(const std::vector<int32_t>& samples, int channels, int rate) {
  const std::unique_ptr<FLAC__StreamEncoder, void (*)(FLAC__StreamEncoder*)> encoder(
      FLAC__stream_encoder_new(), &FLAC__stream_encoder_delete);
  FLAC__StreamEncoder* const e = encoder.get();
  REQUIRE(e != nullptr);
  REQUIRE(FLAC__stream_encoder_set_channels(e, static_cast<unsigned>(channels)));
  REQUIRE(FLAC__stream_encoder_set_bits_per_sample(e, 16));
  REQUIRE(FLAC__stream_encoder_set_sample_rate(e, static_cast<unsigned>(rate)));
  REQUIRE(FLAC__stream_encoder_set_compression_level(e, 8));
  size_t sum = 0;
  REQUIRE(FLAC__stream_encoder_init_stream(e, Count, nullptr, nullptr, nullptr, &sum) ==
          FLAC__STREAM_ENCODER_INIT_STATUS_OK);
  const auto frames = static_cast<unsigned>(samples.size() / static_cast<size_t>(channels));
  REQUIRE(FLAC__stream_encoder_process_interleaved(e, samples.data(), frames));
  REQUIRE(FLAC__stream_encoder_finish(e));
  return sum;
}

}  // namespace

TEST_CASE("Sound: music takes less than by FLAC at its strongest level") {
  constexpr int kRate = 44100;
  Order2Predictor around;
  for (const int channels : {1, 2}) {
    const std::vector<int32_t> samples = Music(60'000, channels, kRate, 2);
    WavHeader header;
    header.channels = channels;
    header.rate = kRate;
    const Bytes original = WavFile(header, BytesOfSamples(samples));
    const auto geometry = FindSound(original);
    REQUIRE(geometry);
    const auto payload = EncodeSound(original, *geometry, around, original.size(), [](uint32_t) {});
    REQUIRE(payload);
    const size_t flac = FlacBytes(samples, channels, kRate);
    INFO(channels << ": " << payload->size() << " bytes, FLAC " << flac);
    CHECK(payload->size() < flac);
  }
}

}  // namespace occam
