// The range coder of the door (section 6 of occam_c.h).
#include "coder/api/handles.h"
#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"

struct occam_encoder {
  occam::RangeEncoder coder;
};

struct occam_decoder {
  explicit occam_decoder(std::span<const uint8_t> stream) : coder(stream) {}
  occam::RangeDecoder coder;
  bool targeted = false;  // the coder steps only after it was asked where it is
  uint32_t target = 0;
};

using namespace occam::api;  // the functions below stand for all of it

namespace {

occam::SymbolInterval IntervalOf(uint32_t start, uint32_t size) {
  Require(size >= 1 && start < OCCAM_FREQUENCY_TOTAL && size <= OCCAM_FREQUENCY_TOTAL - start,
          "a symbol is a part of at least 1 within OCCAM_FREQUENCY_TOTAL");
  return {start, size};
}

}  // namespace

extern "C" {

occam_code occam_encoder_new(occam_encoder** encoder, occam_error* error) {
  return Guard(error, [&] {
    Require(encoder != nullptr, "there is no place for the encoder");
    *encoder = nullptr;
    *encoder = new occam_encoder;
  });
}

void occam_encoder_free(occam_encoder* encoder) { delete encoder; }

occam_code occam_encoder_put(occam_encoder* encoder, uint32_t start, uint32_t size,
                             occam_error* error) {
  return Guard(error, [&] {
    Require(encoder != nullptr, "there is no encoder");
    encoder->coder.Encode(IntervalOf(start, size));
  });
}

occam_code occam_encoder_finish(occam_encoder* encoder, occam_buffer* stream, occam_error* error) {
  return Guard(error, [&] {
    Require(encoder != nullptr && stream != nullptr, "an encoder and a place are needed");
    *stream = {nullptr, 0};
    const occam::Bytes bytes = encoder->coder.Finish();
    encoder->coder = {};
    Give(bytes, stream);
  });
}

occam_code occam_decoder_new(const void* stream, size_t size, occam_decoder** decoder,
                             occam_error* error) {
  return Guard(error, [&] {
    Require(decoder != nullptr, "there is no place for the decoder");
    *decoder = nullptr;
    *decoder = new occam_decoder(SpanOf(stream, size));
  });
}

void occam_decoder_free(occam_decoder* decoder) { delete decoder; }

occam_code occam_decoder_target(occam_decoder* decoder, uint32_t* target, occam_error* error) {
  return Guard(error, [&] {
    Require(decoder != nullptr && target != nullptr, "a decoder and a place are needed");
    if (!decoder->targeted) decoder->target = decoder->coder.Target();
    decoder->targeted = true;
    *target = decoder->target;
  });
}

occam_code occam_decoder_take(occam_decoder* decoder, uint32_t start, uint32_t size,
                              occam_error* error) {
  return Guard(error, [&] {
    Require(decoder != nullptr, "there is no decoder");
    Require(decoder->targeted, "ask for the target of a symbol before stepping over it");
    const occam::SymbolInterval interval = IntervalOf(start, size);
    Require(decoder->target - interval.start < interval.size,
            "the target does not lie in this symbol");
    decoder->coder.Advance(interval);
    decoder->targeted = false;
  });
}

int occam_decoder_is_exact(const occam_decoder* decoder) {
  return decoder != nullptr && decoder->coder.ConsumedExactly() ? 1 : 0;
}
}
