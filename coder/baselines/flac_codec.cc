#include <FLAC/stream_decoder.h>
#include <FLAC/stream_encoder.h>

#include <algorithm>
#include <vector>

#include "coder/baselines/classical_codecs.h"

namespace occam {
namespace {

constexpr unsigned kSampleRate = 16000;
constexpr unsigned kBits = 8;
constexpr int kOffset = 128;  // bytes are unsigned, FLAC's samples are not
constexpr unsigned kBlockSizes[] = {512, 1024, 2048, 4096};
constexpr size_t kPiece = 1 << 16;  // samples given at a time

// A file in memory that libFLAC writes, going back to its header at the end. Where the first frame
// begins is where the last metadata ended.
struct Output {
  Bytes bytes;
  size_t position = 0;
  size_t header_bytes = 0;
};

FLAC__StreamEncoderWriteStatus Write(const FLAC__StreamEncoder*, const FLAC__byte* data,
                                     size_t size, uint32_t samples, uint32_t, void* client) try {
  Output& out = *static_cast<Output*>(client);
  out.bytes.resize(std::max(out.bytes.size(), out.position + size));
  std::copy_n(data, size, out.bytes.begin() + static_cast<ptrdiff_t>(out.position));
  out.position += size;
  // No samples means metadata, which is also written anew at the end.
  if (samples == 0) out.header_bytes = std::max(out.header_bytes, out.position);
  return FLAC__STREAM_ENCODER_WRITE_STATUS_OK;
} catch (const std::exception&) {
  return FLAC__STREAM_ENCODER_WRITE_STATUS_FATAL_ERROR;
}

FLAC__StreamEncoderSeekStatus Seek(const FLAC__StreamEncoder*, FLAC__uint64 offset, void* client) {
  static_cast<Output*>(client)->position = offset;
  return FLAC__STREAM_ENCODER_SEEK_STATUS_OK;
}

FLAC__StreamEncoderTellStatus Tell(const FLAC__StreamEncoder*, FLAC__uint64* offset, void* client) {
  *offset = static_cast<Output*>(client)->position;
  return FLAC__STREAM_ENCODER_TELL_STATUS_OK;
}

void Require(FLAC__bool good) {
  if (good == 0) throw CodecFailure("libFLAC");
}

Output Encode(std::span<const uint8_t> original, unsigned block_size) {
  const std::unique_ptr<FLAC__StreamEncoder, void (*)(FLAC__StreamEncoder*)> encoder(
      FLAC__stream_encoder_new(), &FLAC__stream_encoder_delete);
  FLAC__StreamEncoder* e = encoder.get();
  Require(e != nullptr && FLAC__stream_encoder_set_channels(e, 1) &&
          FLAC__stream_encoder_set_bits_per_sample(e, kBits) &&
          FLAC__stream_encoder_set_sample_rate(e, kSampleRate) &&
          FLAC__stream_encoder_set_compression_level(e, 8) &&
          FLAC__stream_encoder_set_do_exhaustive_model_search(e, true) &&
          FLAC__stream_encoder_set_do_qlp_coeff_prec_search(e, true) &&
          FLAC__stream_encoder_set_blocksize(e, block_size) &&
          FLAC__stream_encoder_set_total_samples_estimate(e, original.size()));
  Output out;
  Require(FLAC__stream_encoder_init_stream(e, Write, Seek, Tell, nullptr, &out) ==
          FLAC__STREAM_ENCODER_INIT_STATUS_OK);
  std::vector<FLAC__int32> samples;
  for (size_t begin = 0; begin < original.size(); begin += kPiece) {
    const auto piece = original.subspan(begin, std::min(kPiece, original.size() - begin));
    samples.assign(piece.begin(), piece.end());
    for (FLAC__int32& sample : samples) sample -= kOffset;
    Require(FLAC__stream_encoder_process_interleaved(e, samples.data(),
                                                     static_cast<unsigned>(samples.size())));
  }
  Require(FLAC__stream_encoder_finish(e));
  return out;
}

struct Input {
  std::span<const uint8_t> left;
  Bytes samples;
  size_t most = 0;  // samples
  bool failed = false;
};

FLAC__StreamDecoderReadStatus Read(const FLAC__StreamDecoder*, FLAC__byte* data, size_t* size,
                                   void* client) {
  Input& in = *static_cast<Input*>(client);
  *size = std::min(*size, in.left.size());
  if (*size == 0) return FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM;
  std::copy_n(in.left.begin(), *size, data);
  in.left = in.left.subspan(*size);
  return FLAC__STREAM_DECODER_READ_STATUS_CONTINUE;
}

FLAC__StreamDecoderWriteStatus Collect(const FLAC__StreamDecoder*, const FLAC__Frame* frame,
                                       const FLAC__int32* const channels[], void* client) {
  Input& in = *static_cast<Input*>(client);
  const uint32_t count = frame->header.blocksize;
  if (frame->header.channels != 1 || frame->header.bits_per_sample != kBits ||
      count > in.most - in.samples.size()) {
    in.failed = true;
    return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
  }
  for (uint32_t i = 0; i < count; ++i)
    in.samples.push_back(static_cast<uint8_t>(channels[0][i] + kOffset));
  return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
}

void Complain(const FLAC__StreamDecoder*, FLAC__StreamDecoderErrorStatus, void* client) {
  static_cast<Input*>(client)->failed = true;
}

class Flac final : public ClassicalCodec {
 public:
  CodecFacts facts() const override {
    return {.name = "flac",
            .maker = std::string("libFLAC ") + FLAC__VERSION_STRING,
            .setting = "-8 -e -p, the smallest of blocks of 512, 1024, 2048 and 4096",
            .sees = "8-bit samples less 128, mono, 16 kHz",
            .removed = "signature, stream information and comment, 86 bytes: frames are left",
            .missing = ""};
  }

  Bytes Compress(std::span<const uint8_t> original, Form form) const override {
    Output best;
    for (const unsigned block_size : kBlockSizes) {
      Output out = Encode(original, block_size);
      if (best.bytes.empty() || out.bytes.size() < best.bytes.size()) best = std::move(out);
    }
    if (form == Form::kBare)
      best.bytes.erase(best.bytes.begin(),
                       best.bytes.begin() + static_cast<ptrdiff_t>(best.header_bytes));
    return std::move(best.bytes);
  }

  // Frames name their rate and bits themselves, so that libFLAC decodes them without a header.
  Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                   Form form) const override {
    const std::unique_ptr<FLAC__StreamDecoder, void (*)(FLAC__StreamDecoder*)> decoder(
        FLAC__stream_decoder_new(), &FLAC__stream_decoder_delete);
    FLAC__StreamDecoder* d = decoder.get();
    Input in{.left = compressed, .samples = {}, .most = original_bytes};
    if (form == Form::kBare && compressed.empty()) return {};
    Require(d != nullptr && FLAC__stream_decoder_set_md5_checking(d, form == Form::kFile));
    Require(FLAC__stream_decoder_init_stream(d, Read, nullptr, nullptr, nullptr, nullptr, Collect,
                                             nullptr, Complain,
                                             &in) == FLAC__STREAM_DECODER_INIT_STATUS_OK);
    const bool processed = FLAC__stream_decoder_process_until_end_of_stream(d) != 0;
    const bool same_md5 = FLAC__stream_decoder_finish(d) != 0;
    Require(processed && same_md5 && !in.failed && in.samples.size() == original_bytes);
    return std::move(in.samples);
  }
};

}  // namespace

std::unique_ptr<ClassicalCodec> FlacCodec() { return std::make_unique<Flac>(); }

}  // namespace occam
