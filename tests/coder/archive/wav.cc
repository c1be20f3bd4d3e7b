#include "tests/coder/archive/wav.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "data/base/byte_order.h"
#include "data/base/random.h"

namespace occam {
namespace {

void PutTag(const std::string& tag, ByteWriter* out) {
  for (const char c : tag) out->Put(static_cast<uint8_t>(c));
}

}  // namespace

Bytes WavFile(const WavHeader& header, const Bytes& samples) {
  const auto channels = static_cast<uint16_t>(header.channels);
  const auto frame = static_cast<uint16_t>(header.channels * header.bits / 8);
  const auto rate = static_cast<uint32_t>(header.rate);
  ByteWriter out;
  PutTag("RIFF", &out);
  out.Put(static_cast<uint32_t>(36 + samples.size() + header.after.size()));
  PutTag("WAVEfmt ", &out);
  const bool extensible = header.kind == 0xfffe;
  out.Put(uint32_t{extensible ? 40u : 16u});
  out.Put(static_cast<uint16_t>(header.kind));
  out.Put(channels);
  out.Put(rate);
  out.Put(rate * frame);
  out.Put(frame);
  out.Put(static_cast<uint16_t>(header.bits));
  if (extensible) {
    out.Put(uint16_t{22});
    out.Put(static_cast<uint16_t>(header.bits));
    out.Put(uint32_t{3});
    out.Put(uint16_t{1});  // PCM
    for (int i = 0; i < 14; ++i) out.Put(static_cast<uint8_t>(17 * i));
  }
  if (!header.chunk_before.empty()) {
    PutTag("LIST", &out);
    out.Put(static_cast<uint32_t>(header.chunk_before.size()));
    out.PutBytes(header.chunk_before);
    if (header.chunk_before.size() % 2 == 1) out.Put(uint8_t{0});
  }
  PutTag("data", &out);
  out.Put(header.data_bytes == ~0u ? static_cast<uint32_t>(samples.size()) : header.data_bytes);
  out.PutBytes(samples);
  out.PutBytes(header.after);
  return out.Take();
}

Bytes BytesOfSamples(const std::vector<int32_t>& samples) {
  ByteWriter out;
  for (const int32_t sample : samples) out.Put(static_cast<uint16_t>(sample));
  return out.Take();
}

std::vector<int32_t> Music(size_t frames, int channels, int rate, uint64_t seed) {
  Random random(seed);
  const auto between = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(random.Uniform());
  };
  std::vector<double> left(frames), right(frames);
  const auto r = static_cast<double>(rate);
  for (size_t begin = 0; begin < frames;) {
    for (uint64_t notes = 1 + random.Below(3); notes > 0; --notes) {
      const double pitch = 110 * std::exp2(static_cast<double>(random.Below(37)) / 12);
      const double place = between(0, 1), loudness = between(600, 2500), fading = between(1, 6);
      std::vector<double> shares, phases;
      for (int h = 1; h <= 7; ++h) {
        shares.push_back(between(0, 1) / h);
        phases.push_back(between(0, 6));
      }
      const auto length = static_cast<size_t>(between(0.3, 1.2) * r);
      for (size_t i = 0; i < std::min(length, frames - begin); ++i) {
        const auto t = static_cast<double>(i) / r;
        double sum = 0;
        for (size_t h = 0; h < shares.size(); ++h) {
          const double harmonic = static_cast<double>(h + 1) * pitch;
          if (2 * harmonic < r) sum += shares[h] * std::sin(6.283185307 * harmonic * t + phases[h]);
        }
        sum *= loudness * std::exp(-fading * t) * std::min(1.0, 200 * t);
        left[begin + i] += sum * (1 - place);
        right[begin + i] += sum * place;
      }
    }
    begin += static_cast<size_t>(between(0.1, 0.5) * r);
  }
  std::vector<int32_t> samples;
  const auto put = [&](double x) {
    // A sum of even noises is nearly Gaussian.
    double noise = 0;
    for (int i = 0; i < 6; ++i) noise += between(-8, 8);
    samples.push_back(static_cast<int32_t>(std::clamp(std::round(x + noise), -32768.0, 32767.0)));
  };
  for (size_t i = 0; i < frames; ++i) {
    if (channels == 1) {
      put(left[i] + right[i]);
    } else {
      put(left[i] + (i >= 1300 ? 0.3 * right[i - 1300] : 0));
      put(right[i] + (i >= 900 ? 0.3 * left[i - 900] : 0));
    }
  }
  return samples;
}

}  // namespace occam
