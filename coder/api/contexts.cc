// Predictions and generation of the door (section 5 of occam_c.h).
#include <algorithm>

#include "coder/api/handles.h"
#include "coder/predict/continuation.h"
#include "coder/predict/symbol_sampler.h"

struct occam_context {
  explicit occam_context(const occam_model& model) : continuation(model.loaded.codec_model()) {
    // The first byte of each symbol.
    const occam::Tokenizer& tokenizer = continuation.tokenizer();
    for (int32_t symbol = 0; symbol < tokenizer.vocabulary(); ++symbol) {
      const bool silent = tokenizer.is_silent(symbol);  // its frequency is 0
      first_bytes.push_back(silent ? 0 : tokenizer.Decode(std::span(&symbol, 1)).front());
    }
  }
  occam::Continuation continuation;
  std::vector<uint8_t> first_bytes;
};

using namespace occam::api;  // the functions below stand for all of it

extern "C" {

occam_code occam_context_new(const occam_model* model, occam_context** context,
                             occam_error* error) {
  return Guard(error, [&] {
    Require(context != nullptr, "there is no place for the context");
    *context = nullptr;
    Require(model != nullptr, "a context needs a model");
    RequireRoomForContext(*model);
    *context = new occam_context(*model);
  });
}

void occam_context_free(occam_context* context) { delete context; }

occam_code occam_context_feed(occam_context* context, const void* bytes, size_t size,
                              occam_progress progress, void* progress_user, double* bits,
                              occam_error* error) {
  return Guard(error, [&] {
    Require(context != nullptr, "there is no context");
    bool stopped = false;
    const double cost = context->continuation.Feed(
        SpanOf(bytes, size), [&](uint64_t bytes_read, double bits_so_far) {
          stopped = progress != nullptr && progress(progress_user, bytes_read,
                                                    static_cast<uint64_t>(bits_so_far / 8)) != 0;
          return !stopped;
        });
    if (stopped) throw occam::Error(occam::ErrorKind::kCancelled, "the caller asked to stop");
    if (bits != nullptr) *bits = cost;
  });
}

occam_code occam_context_next(occam_context* context, uint32_t frequencies[256],
                              occam_error* error) {
  return Guard(error, [&] {
    Require(context != nullptr && frequencies != nullptr,
            "a context and a place for its frequencies are needed");
    const auto symbols = context->continuation.Frequencies();
    std::fill_n(frequencies, 256, 0u);
    for (size_t i = 0; i < symbols.size(); ++i) frequencies[context->first_bytes[i]] += symbols[i];
  });
}

occam_code occam_context_generate(occam_context* context, const occam_sampling* sampling,
                                  uint64_t size, const occam_writer* writer, occam_error* error) {
  return Guard(error, [&] {
    Require(context != nullptr, "there is no context");
    Require(writer != nullptr, "there is no writer");
    const occam_sampling defaults = occam_sampling_init();
    const occam_sampling s = sampling == nullptr ? defaults : Known(sampling);
    Require(s.top_k <= INT32_MAX, "top_k is beyond every vocabulary");
    occam::SymbolSampler sampler(
        {s.temperature_thousandths, static_cast<int32_t>(s.top_k), s.seed});
    const occam_writer known = Known(writer);
    Require(known.write != nullptr, "the writer has no function that writes");
    for (uint64_t done = 0; done < size;) {
      const occam::Bytes bytes = context->continuation.Next(&sampler);
      const size_t part = static_cast<size_t>(std::min<uint64_t>(bytes.size(), size - done));
      if (known.write(known.user, bytes.data(), part) != 0)
        throw occam::Error(occam::ErrorKind::kCancelled, "the caller asked to stop");
      done += part;
    }
  });
}
}
