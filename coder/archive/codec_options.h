// The options of compressing and decompressing a file: what the caller of either chooses.
#ifndef OCCAM_CODER_ARCHIVE_CODEC_OPTIONS_H_
#define OCCAM_CODER_ARCHIVE_CODEC_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "coder/archive/container_stats.h"
#include "coder/container/container_format.h"
#include "coder/predict/photo/photo_header.h"
#include "data/base/memory.h"

namespace occam {

// Takes original bytes and .occ bytes done so far, neither of which goes back. Is called often,
// from any of the threads, by one at a time. An exception thrown here ends the work and comes out.
using ProgressFn = std::function<void(uint64_t original_bytes, uint64_t file_bytes)>;

struct CodecOptions {
  int threads = 1;  // 0 = one a processor; never shows in the result
  ProgressFn progress;
  ContextMode mode = ContextMode::kChunked;  // for compressing; a file says its own
  uint32_t lanes = 0;  // of a segment, for compressing in modes adaptive and long; 0: the default
  // The model in the form to travel in the file (EncodeModel of coder/weights/model_codec.h), for
  // compressing. Where it is empty, the file only names the model.
  std::span<const uint8_t> embedded_model = {};
  // Allows the short form for files of at most one segment. Programs from before refuse it.
  bool short_form = false;
  // The memory that the work may take, model included. It bounds how many segments are worked on at
  // once; where not even one fits, nothing is begun (kMemory). It never shows in the result.
  uint64_t memory_bytes = kDefaultMemoryBytes;
  // Bytes that both sides know, of which the last kMaxDictionaryBytes are used: docs/spec/
  // dictionary.md. For compressing, in mode adaptive; and for decompressing what was made with it.
  std::span<const uint8_t> dictionary = {};
  // The photograph that a file is, for compressing. Where there is none, the file's header is
  // asked.
  std::optional<PhotoFile> photo = std::nullopt;
};

// Returns the options with progress that goes on from what was done before.
inline CodecOptions ProgressFrom(const CodecOptions& options, const ContainerStats& done) {
  if (!options.progress || done.file_bytes == 0) return options;
  CodecOptions result = options;
  result.progress = [&progress = options.progress, original = done.original_bytes,
                     file = done.file_bytes](uint64_t original_bytes, uint64_t file_bytes) {
    progress(original + original_bytes, file + file_bytes);
  };
  return result;
}

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_CODEC_OPTIONS_H_
