// Any bytes to an .occ file.
#ifndef OCCAM_CODER_ARCHIVE_COMPRESSOR_H_
#define OCCAM_CODER_ARCHIVE_COMPRESSOR_H_

#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "coder/container/container_format.h"
#include "coder/predict/codec_model.h"
#include "data/base/file.h"

namespace occam {

// Original bytes and .occ bytes dealt with so far, neither of which goes back. Called often, from
// any of the threads, by one at a time. An exception thrown here ends the work and comes out.
using ProgressFn = std::function<void(uint64_t original_bytes, uint64_t file_bytes)>;

struct CodecOptions {
  int threads = 1;  // 0 = one a processor; never shows in the result
  ProgressFn progress;
  ContextMode mode = ContextMode::kChunked;  // for compressing; a file says its own
  // For compressing: the model in the form to travel in the file (EncodeModel of
  // coder/weights/model_codec.h); empty: the file only names it.
  std::span<const uint8_t> embedded_model = {};
};

// Real sizes, as written or read.
struct ContainerStats {
  uint64_t original_bytes = 0;
  uint64_t payload_bytes = 0;
  uint64_t lost_bit_bytes = 0;  // of the payload: bits that a tokenizer loses; when compressing
  uint64_t model_bytes = 0;     // of the model in the file
  uint64_t file_bytes = 0;
  uint64_t segments = 0;
  std::array<uint64_t, kMethodCount> method_segments{};  // by CodingMethod
  uint64_t header_bytes() const { return file_bytes - payload_bytes - model_bytes; }
  void Add(const SegmentHeader& header);
};

// The header of a file that this model codes; null: none. Throws kUsage for a model that codes
// other symbols than bytes and brings no tokenizer.
FileHeader HeaderFor(const CodecModel* model, ContextMode mode);

// Compresses all of the source, each segment by the method that takes the fewest bytes; without a
// model (null) stored or order 2. The caller commits the sink. The result is a function of the
// bytes, the model, its embedded form and the mode alone. Memory: two segments a thread. Throws
// kIo, and what HeaderFor does.
ContainerStats Compress(ByteSource& source, ByteSink& sink, const CodecModel* model,
                        const CodecOptions& options);

// The payload bytes of all segments if every one were coded by the model, which files hold only
// where no other method takes fewer. Each is restored and compared. Throws kUsage, kInternal.
uint64_t ModelPayloadBytes(std::span<const uint8_t> original, const CodecModel& model,
                           const CodecOptions& options);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_COMPRESSOR_H_
