#include <zlib.h>

#include <algorithm>
#include <limits>

#include "coder/baselines/baselines.h"

namespace occam {
namespace {

// zlib counts in 32 bits: both sides are handed over in pieces.
constexpr size_t kPiece = 1u << 30;
constexpr size_t kOutputPiece = 1u << 16;

int WindowBits(ClassicalCodec::Form form) {
  constexpr int kGzip = 16;  // added: a gzip header; negated: no header
  return form == ClassicalCodec::Form::kFile ? MAX_WBITS + kGzip : -MAX_WBITS;
}

// Feeds all input to `turn` (deflate or inflate) until it says that the stream has ended.
template <typename Turn>
Bytes Drive(z_stream* stream, std::span<const uint8_t> input, Turn turn) {
  Bytes output;
  Bytes piece(kOutputPiece);
  size_t given = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (stream->avail_in == 0 && given < input.size()) {
      const size_t size = std::min(kPiece, input.size() - given);
      stream->next_in = const_cast<Bytef*>(input.data() + given);
      stream->avail_in = static_cast<uInt>(size);
      given += size;
    }
    stream->next_out = piece.data();
    stream->avail_out = static_cast<uInt>(piece.size());
    status = turn(stream, given == input.size() ? Z_FINISH : Z_NO_FLUSH);
    const size_t got = piece.size() - stream->avail_out;
    output.insert(output.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(got));
    const bool goes_on = status == Z_OK || (status == Z_BUF_ERROR && got > 0);
    if (status != Z_STREAM_END && !goes_on) throw CodecFailure("zlib");
  }
  return output;
}

class Gzip final : public ClassicalCodec {
 public:
  CodecFacts facts() const override {
    return {.name = "gzip",
            .maker = std::string("zlib ") + zlibVersion(),
            .setting = "level 9",
            .sees = "bytes",
            .removed = "header and trailer, 18 bytes: raw deflate is left",
            .missing = ""};
  }

  Bytes Compress(std::span<const uint8_t> original, Form form) const override {
    constexpr int kLevel = 9;
    constexpr int kDefaultMemoryLevel = 8;  // what gzip uses
    z_stream stream{};
    if (deflateInit2(&stream, kLevel, Z_DEFLATED, WindowBits(form), kDefaultMemoryLevel,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw CodecFailure("zlib");
    }
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, &deflateEnd);
    return Drive(&stream, original, deflate);
  }

  Bytes Decompress(std::span<const uint8_t> compressed, size_t, Form form) const override {
    z_stream stream{};
    if (inflateInit2(&stream, WindowBits(form)) != Z_OK) throw CodecFailure("zlib");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, &inflateEnd);
    return Drive(&stream, compressed, inflate);
  }
};

}  // namespace

std::unique_ptr<ClassicalCodec> GzipCodec() { return std::make_unique<Gzip>(); }

}  // namespace occam
