#include "data/speech.h"

#include <sndfile.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

// A file in memory, as libsndfile reads it.
struct Input {
  std::span<const uint8_t> bytes;
  sf_count_t position = 0;
};

sf_count_t SizeOf(void* data) {
  return static_cast<sf_count_t>(static_cast<Input*>(data)->bytes.size());
}

sf_count_t SeekTo(sf_count_t offset, int whence, void* data) {
  auto* input = static_cast<Input*>(data);
  if (whence == SEEK_CUR) offset += input->position;
  if (whence == SEEK_END) offset += SizeOf(data);
  if (offset < 0 || offset > SizeOf(data)) return -1;
  return input->position = offset;
}

sf_count_t ReadFrom(void* out, sf_count_t count, void* data) {
  auto* input = static_cast<Input*>(data);
  count = std::clamp<sf_count_t>(count, 0, SizeOf(data) - input->position);
  if (count > 0)
    std::memcpy(out, &input->bytes[static_cast<size_t>(input->position)],
                static_cast<size_t>(count));
  input->position += count;
  return count;
}

sf_count_t Tell(void* data) { return static_cast<Input*>(data)->position; }

// libsndfile takes what there is of a truncated WAV without a word.
void CheckWavLength(std::span<const uint8_t> file, const std::string& name) {
  ByteReader header(file, name);
  header.GetBytes(4);  // RIFF
  const uint64_t promised = uint64_t{header.Get<uint32_t>()} + 8;
  if (file.size() < promised) {
    throw DamagedError(fmt::format("{}: a truncated WAV: {} bytes of the {} that its header tells",
                                   name, file.size(), promised));
  }
}

void CheckFormat(const SF_INFO& info, const std::string& name) {
  const int type = info.format & SF_FORMAT_TYPEMASK;
  if (type != SF_FORMAT_FLAC && type != SF_FORMAT_WAV && type != SF_FORMAT_WAVEX)
    throw DamagedError(name + " is no FLAC or WAV file");
  const int samples = info.format & SF_FORMAT_SUBMASK;
  constexpr int kIntegers[] = {SF_FORMAT_PCM_S8, SF_FORMAT_PCM_U8, SF_FORMAT_PCM_16,
                               SF_FORMAT_PCM_24, SF_FORMAT_PCM_32};
  if (std::ranges::find(kIntegers, samples) == std::end(kIntegers))
    throw UsageError(name + " has no integer samples; convert it to 16 bits first");
  if (info.channels != 1) {
    throw UsageError(
        fmt::format("{} has {} channels; mix it down to one first", name, info.channels));
  }
  if (info.samplerate != kSpeechSampleRateHz) {
    throw UsageError(fmt::format("{} has {} samples a second instead of {}; resample it first",
                                 name, info.samplerate, kSpeechSampleRateHz));
  }
}

}  // namespace

Bytes DecodeSpeech(std::span<const uint8_t> file, const std::string& name) {
  const auto starts = [&](const char* magic) {
    return file.size() >= 12 && std::memcmp(file.data(), magic, 4) == 0;
  };
  if (!starts("fLaC") && !starts("RIFF")) throw DamagedError(name + " is no FLAC or WAV file");
  if (starts("RIFF")) CheckWavLength(file, name);

  Input input{file};
  SF_VIRTUAL_IO calls{SizeOf, SeekTo, ReadFrom, nullptr, Tell};
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> sound(
      sf_open_virtual(&calls, SFM_READ, &info, &input), sf_close);
  if (!sound) throw DamagedError(name + ": a broken FLAC or WAV: " + sf_strerror(nullptr));
  CheckFormat(info, name);

  Bytes samples;
  std::vector<int16_t> piece(1 << 16);
  for (;;) {
    const sf_count_t count =
        sf_read_short(sound.get(), piece.data(), static_cast<sf_count_t>(piece.size()));
    for (sf_count_t i = 0; i < count; ++i) {
      samples.push_back(static_cast<uint8_t>((piece[static_cast<size_t>(i)] >> 8) + 128));
    }
    if (count < static_cast<sf_count_t>(piece.size())) break;
  }
  if (sf_error(sound.get()) != SF_ERR_NO_ERROR) {
    throw DamagedError(name + ": a broken FLAC or WAV: " + sf_strerror(sound.get()));
  }
  if (samples.size() != static_cast<size_t>(std::max<sf_count_t>(info.frames, 0))) {
    throw DamagedError(fmt::format("{} has {} samples where its header tells of {}", name,
                                   samples.size(), info.frames));
  }
  if (samples.empty()) throw DamagedError(name + " has no sample");
  return samples;
}

}  // namespace occam
