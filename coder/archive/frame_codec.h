// Small records, each coded alone into a bare frame (docs/spec/frame.md): no magic, no index, and
// at most kMaxFrameOverhead around the payload. Whoever decodes must know model, dictionary and
// check_bytes.
#ifndef OCCAM_CODER_ARCHIVE_FRAME_CODEC_H_
#define OCCAM_CODER_ARCHIVE_FRAME_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "coder/archive/codec_options.h"
#include "coder/archive/coded_symbols.h"
#include "coder/predict/codec_model.h"
#include "coder/predict/predictor.h"
#include "data/base/file.h"

namespace occam {

constexpr size_t kMaxRecordBytes = 1061055;  // what three bytes of length tell
constexpr size_t kMaxFrameOverhead = 4;      // of a frame, that are not payload
constexpr int kMaxCheckBytes = 2;

// Returns the record's length as the first bytes of its frame tell it. Throws kDamaged where they
// are missing; `name` is for the message.
size_t RecordBytesOf(std::span<const uint8_t> frame, const std::string& name);

// Holds its memory from record to record. It serves one thread at a time.
class FrameCodec {
 public:
  // The model must outlive the codec. Each frame has `check_bytes` bytes of a hash, in
  // [0, kMaxCheckBytes]: kUsage. `progress` is told now and then, and ends a call by what it
  // throws. A dictionary, which is copied, is learned in the first call, and records are mixed as
  // in mode adaptive; kUsage where the model's symbols are no bytes.
  FrameCodec(const CodecModel& model, int check_bytes, ProgressFn progress = nullptr,
             std::span<const uint8_t> dictionary = {});

  // The memory of a dictionary of so many bytes: itself, and twice what was learned from it.
  static uint64_t DictionaryMemory(uint64_t bytes);

  // Returns a frame of at most kMaxFrameOverhead bytes more than the record. Throws kUsage beyond
  // kMaxRecordBytes.
  Bytes Encode(std::span<const uint8_t> record);

  // Returns the record. Throws kDamaged where it is seen that Encode did not write the frame with
  // this model. What a hash of check_bytes does not tell apart may give another record.
  Bytes Decode(std::span<const uint8_t> frame, const std::string& name);

 private:
  void Start();
  Bytes EncodeByModel(std::span<const uint8_t> record);
  Bytes DecodeByModel(std::span<const uint8_t> payload, size_t record_bytes);
  void Tell(uint64_t record_bytes, uint64_t frame_bytes) const;

  const CodecModel& model_;
  size_t check_bytes_;
  ProgressFn progress_;
  Bytes dictionary_;
  std::unique_ptr<Predictor> predictor_;
  std::unique_ptr<Tokenizer> tokenizer_;  // null: a symbol is a byte
  std::vector<SymbolInterval> intervals_;
};

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_FRAME_CODEC_H_
