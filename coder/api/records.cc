// Small records of the door (section 7 of occam_c.h).
#include "coder/api/handles.h"
#include "coder/archive/frame_codec.h"

static_assert(OCCAM_RECORD_MAX == occam::kMaxRecordBytes);
static_assert(OCCAM_FRAME_MAX == occam::kMaxFrameOverhead);
static_assert(OCCAM_DICTIONARY_MAX == occam::kMaxDictionaryBytes);

struct occam_record_codec {
  occam_record_codec(const occam_model& model, const occam_record_options& options)
      : codec(model.loaded.codec_model(), options.check_bytes,
              occam::api::ProgressOf(options.progress, options.progress_user),
              occam::api::SpanOf(options.dictionary, options.dictionary_size)) {}
  occam::FrameCodec codec;
};

using namespace occam::api;  // the functions below stand for all of it

extern "C" {

occam_code occam_record_codec_new(const occam_model* model, const occam_record_options* options,
                                  occam_record_codec** codec, occam_error* error) {
  return Guard(error, [&] {
    Require(codec != nullptr, "there is no place for the codec");
    *codec = nullptr;
    Require(model != nullptr, "records need a model");
    const occam_record_options defaults = occam_record_options_init();
    const occam_record_options known = options == nullptr ? defaults : Known(options);
    RequireRoomForContext(*model, occam::FrameCodec::DictionaryMemory(known.dictionary_size));
    *codec = new occam_record_codec(*model, known);
  });
}

void occam_record_codec_free(occam_record_codec* codec) { delete codec; }

occam_code occam_record_encode(occam_record_codec* codec, const void* record, size_t size,
                               occam_buffer* frame, occam_error* error) {
  return Guard(error, [&] {
    Require(codec != nullptr && frame != nullptr, "a codec and a place for the frame are needed");
    *frame = {nullptr, 0};
    Give(codec->codec.Encode(SpanOf(record, size)), frame);
  });
}

occam_code occam_record_decode(occam_record_codec* codec, const void* frame, size_t size,
                               occam_buffer* record, occam_error* error) {
  return Guard(error, [&] {
    Require(codec != nullptr && record != nullptr, "a codec and a place for the record are needed");
    *record = {nullptr, 0};
    Give(codec->codec.Decode(SpanOf(frame, size), "the frame"), record);
  });
}

occam_code occam_record_size(const void* frame, size_t size, size_t* record_size,
                             occam_error* error) {
  return Guard(error, [&] {
    Require(record_size != nullptr, "there is no place for the size");
    *record_size = 0;
    *record_size = occam::RecordBytesOf(SpanOf(frame, size), "the frame");
  });
}
}
