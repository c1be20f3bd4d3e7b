// The common part of the coder's tests: data of known kinds, a predictor of known tables, and
// sources and sinks that misbehave.
#ifndef OCCAM_TESTS_CODER_TEST_SUPPORT_H_
#define OCCAM_TESTS_CODER_TEST_SUPPORT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coder/archive/compressor.h"
#include "coder/archive/decompressor.h"
#include "coder/predict/codec_model.h"
#include "coder/predict/predictor.h"
#include "data/base/error.h"
#include "data/base/file.h"

namespace occam {

// Loops over every position take one of so many. Under a sanitizer each takes ten times as long,
// and finds by a part of them what it can find.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr size_t kEvery = 19;
#else
inline constexpr size_t kEvery = 1;
#endif

Bytes RandomBytes(size_t size, uint64_t seed);
// Bytes like text: words of a few letters, drawn unevenly.
Bytes Prose(size_t size, uint64_t seed);
// Bytes that the chain model predicts well, and order 2 does not.
Bytes ChainBytes(size_t size, uint32_t context, uint64_t seed);

// A predictor with full tables whose favourite depends on the position in the chunk and the symbol
// before it, fresh every `context` symbols. `name` makes its id.
CodecModel ChainModel(uint32_t context, const std::string& name = "chain");

Bytes CompressBytes(std::span<const uint8_t> original, const CodecModel* model, int threads = 1);
Bytes DecompressBytes(std::span<const uint8_t> file, const CodecModel* model, int threads = 1);

// A file with a layout of its own choice, so that a few bytes make many segments. The model id of
// the header says whether `model` is used.
FileHeader SmallLayout(uint32_t context, uint32_t lanes, uint32_t lane_symbols,
                       const CodecModel* model);
Bytes CompressWithLayout(std::span<const uint8_t> original, const FileHeader& header,
                         const CodecModel* model);

// The intervals of lanes of known symbols, scored `row` steps at a time; the same as one stream of
// the range coder; and what a predictor decodes from it.
using Lanes = std::vector<std::vector<int32_t>>;
using LaneIntervals = std::vector<std::vector<SymbolInterval>>;
LaneIntervals ScoreInRows(Predictor* model, const Lanes& lanes, size_t row);
Bytes EncodeIntervals(const LaneIntervals& intervals);
// Throws kInternal where the payload is not consumed exactly.
Lanes DecodeLanes(Predictor* model, std::span<const uint8_t> payload,
                  std::span<const size_t> lengths);

// A source of unknown size that gives an error after `good_bytes`, if there are so many.
class PipeSource final : public ByteSource {
 public:
  explicit PipeSource(Bytes bytes, std::optional<size_t> good_bytes = std::nullopt)
      : bytes_(std::move(bytes)), good_bytes_(good_bytes) {}
  size_t Read(std::span<uint8_t> out) override;
  std::string name() const override { return "pipe"; }
  // The largest number of bytes that one read asked for.
  size_t largest_read() const { return largest_read_; }

 private:
  Bytes bytes_;
  std::optional<size_t> good_bytes_;
  size_t position_ = 0;
  size_t largest_read_ = 0;
};

// A sink that takes `room` bytes and then fails as a full disk does.
class FullSink final : public ByteSink {
 public:
  explicit FullSink(size_t room) : room_(room) {}
  void Write(std::span<const uint8_t> bytes) override;
  void Commit() override {}
  std::string name() const override { return "full disk"; }

 private:
  size_t room_;
};

}  // namespace occam

#endif  // OCCAM_TESTS_CODER_TEST_SUPPORT_H_
