// The common part of the tests of the door: tiny models, what these would write themselves, and a
// file of several segments.
#ifndef OCCAM_TESTS_CODER_API_DOOR_TESTING_H_
#define OCCAM_TESTS_CODER_API_DOOR_TESTING_H_

#include <algorithm>
#include <span>
#include <vector>

#include "coder/container/container_writer.h"
#include "coder/entropy/range_decoder.h"
#include "coder/predict/loaded_model.h"
#include "coder/predict/network_predictor.h"
#include "coder/weights/model_codec.h"
#include "data/tokenizer/bpe_tokenizer.h"
#include "data/tokenizer/bpe_trainer.h"
#include "occam/occam.h"
#include "tests/coder/test_support.h"
#include "tests/model/exact/exact_testing.h"

namespace occam::testing {

constexpr int kContext = 16;
constexpr uint32_t kSegmentBytes = 64;  // of SeveralSegmentsFile

inline QuantizedModel ByteModel() {
  return RandomModel(TestConfig(256, 16, 2, 1, 2, 3, kContext, {5, 0}), 1);
}

inline const CodecModel& OfBytes() {
  static const LoadedModel model(ByteModel(), Kernels::kFast);
  return model.codec_model();
}

inline QuantizedModel BytePairModel() {
  const BpeTokenizer tokenizer(TrainBpe(Prose(5000, 1), 290, PieceRule::kWords), PieceRule::kWords);
  QuantizedModel model = RandomModel(TestConfig(290, 16, 2, 1, 2, 3, kContext, {5, 0}), 2);
  model.tokenizer = tokenizer.Serialise();
  return model;
}

// The models of the callers of the door.
inline const Model& Tiny() {
  static const Model model = Model::FromMemory(SerialiseModel(ByteModel()));
  return model;
}

inline const Model& Pairs() {
  static const Model model = Model::FromMemory(SerialiseModel(BytePairModel()));
  return model;
}

inline Options With(const Model& model, Mode mode = Mode::kChunked) {
  Options options;
  options.model = &model;
  options.mode = mode;
  options.threads = 2;
  return options;
}

class BytesWriter final : public Writer {
 public:
  void Write(std::span<const uint8_t> more) override {
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  Bytes bytes;
};

// Text that the byte model itself would write: noise, decoded. No other method codes it as well.
inline Bytes Dream(size_t size) {
  static const LoadedModel model(ByteModel(), Kernels::kFast);
  const Bytes noise = RandomBytes(2 * size + 8, 3);
  RangeDecoder decoder(noise);
  NetworkPredictor predictor(model.network(), kContext, 1);
  predictor.StartSegment(1);
  Bytes bytes;
  int32_t symbol = 0;
  while (bytes.size() < size) {
    predictor.Decode(decoder, std::span(&symbol, 1));
    bytes.push_back(static_cast<uint8_t>(symbol));
  }
  return bytes;
}

// Nine segments, the last one short, in a layout of few lanes, by the byte model.
inline Bytes SeveralSegments() { return Dream(8 * kSegmentBytes + 30); }
inline Bytes SeveralSegmentsFile() {
  static const LoadedModel model(ByteModel(), Kernels::kFast);
  const FileHeader layout = SmallLayout(kContext, 2, 32, &model.codec_model());
  return CompressWithLayout(SeveralSegments(), layout, &model.codec_model());
}

// The same file with one bit of a segment's payload flipped.
inline Bytes DamagedAt(Bytes file, size_t segment) {
  const FileInfo info = ReadFileInfo(*MemorySource(SeveralSegmentsFile()));
  size_t position = kFileHeaderBytes;
  for (size_t i = 0; i < segment; ++i)
    position += kSegmentHeaderBytes + info.segments[i].payload_bytes;
  file[position + kSegmentHeaderBytes] ^= 1;
  return file;
}

inline bool Same(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return std::ranges::equal(a, b);
}

}  // namespace occam::testing

#endif  // OCCAM_TESTS_CODER_API_DOOR_TESTING_H_
