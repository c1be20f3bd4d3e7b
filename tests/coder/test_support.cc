#include "tests/coder/test_support.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "coder/archive/segment_codec.h"
#include "coder/container/container_writer.h"
#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "coder/predict/predictor.h"
#include "data/base/digest.h"
#include "data/base/random.h"

namespace occam {
namespace {

int32_t Favourite(uint32_t position, int32_t previous) {
  return static_cast<int32_t>((static_cast<uint32_t>(previous) * 37 + position * 11 + 5) & 255);
}

class Chain final : public TablePredictor {
 public:
  Chain(uint32_t context, bool carried) : context_(context), carried_(carried) {}
  int vocabulary() const override { return 256; }

  void StartSegment(int lanes) override {
    position_ = 0;
    previous_.assign(static_cast<size_t>(lanes), 0);
  }

  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override {
    for (size_t lane = 0; lane < lanes.size(); ++lane) {
      for (size_t step = 0; step < lanes[lane].size(); ++step) {
        const auto symbol = static_cast<uint32_t>(lanes[lane][step]);
        const uint32_t favourite = FavouriteOf(position_ + step, previous_[lane]);
        intervals[lane][step] = {symbol * kRest + (symbol > favourite ? kBonus : 0),
                                 kRest + (symbol == favourite ? kBonus : 0)};
        previous_[lane] = lanes[lane][step];
      }
    }
    if (!lanes.empty()) position_ += lanes.front().size();
  }

  void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) override {
    for (size_t lane = 0; lane < previous.size(); ++lane) {
      const auto table = frequencies.subspan(lane * 256, 256);
      std::fill(table.begin(), table.end(), kRest);
      table[FavouriteOf(position_, previous[lane])] += kBonus;
    }
    ++position_;
  }

 private:
  // 3/4 for the favourite, the rest evenly; a fresh context knows nothing of the symbol before.
  static constexpr uint32_t kRest = kFrequencyTotal / 4 / 256;
  static constexpr uint32_t kBonus = kFrequencyTotal / 4 * 3;
  uint32_t FavouriteOf(size_t position, int32_t previous) const {
    const bool fresh = carried_ ? position == 0 : position % context_ == 0;
    return static_cast<uint32_t>(
        Favourite(static_cast<uint32_t>(position % context_), fresh ? 0 : previous));
  }

  uint32_t context_;
  bool carried_;
  size_t position_ = 0;
  std::vector<int32_t> previous_;
};

}  // namespace

Bytes RandomBytes(size_t size, uint64_t seed) {
  Random random(seed);
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
  return bytes;
}

Bytes Prose(size_t size, uint64_t seed) {
  Random random(seed);
  Bytes bytes;
  while (bytes.size() < size) {
    Random word(random.Below(1 + random.Below(200)));
    const uint64_t letters = 2 + word.Below(7);
    for (uint64_t i = 0; i < letters; ++i)
      bytes.push_back(static_cast<uint8_t>('a' + word.Below(1 + word.Below(26))));
    bytes.push_back(' ');
  }
  bytes.resize(size);
  return bytes;
}

Bytes ChainBytes(size_t size, uint32_t context, uint64_t seed) {
  Random random(seed);
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) {
    const auto position = static_cast<uint32_t>(i % context);
    const int32_t favourite = Favourite(position, position == 0 ? 0 : bytes[i - 1]);
    bytes[i] = static_cast<uint8_t>(random.Below(8) == 0 ? random.Next()
                                                         : static_cast<uint64_t>(favourite));
  }
  return bytes;
}

CodecModel ChainModel(uint32_t context, const std::string& name) {
  CodecModel model;
  model.factory = [context](int, ContextMode mode) {
    return std::make_unique<Chain>(context, mode == ContextMode::kCarried);
  };
  model.vocabulary = 256;
  model.context = context;
  model.model_id = Sha256Of(std::span(reinterpret_cast<const uint8_t*>(name.data()), name.size()));
  model.tokenizer_id = {1, 2, 3, 4, 5, 6, 7, 8};
  model.contract_version = 1;
  return model;
}

LaneIntervals ScoreInRows(Predictor* model, const Lanes& lanes, size_t row) {
  LaneIntervals intervals;
  for (const auto& lane : lanes) intervals.emplace_back(lane.size());
  model->StartSegment(static_cast<int>(lanes.size()));
  for (size_t begin = 0; begin < lanes.front().size(); begin += row) {
    std::vector<std::span<const int32_t>> known;
    std::vector<std::span<SymbolInterval>> scored;
    for (size_t i = 0; i < lanes.size() && lanes[i].size() > begin; ++i) {
      const size_t size = std::min(row, lanes[i].size() - begin);
      known.push_back(std::span(lanes[i]).subspan(begin, size));
      scored.push_back(std::span(intervals[i]).subspan(begin, size));
    }
    model->Score(known, scored);
  }
  return intervals;
}

Bytes EncodeIntervals(const LaneIntervals& intervals) {
  RangeEncoder encoder;
  for (size_t step = 0; step < intervals.front().size(); ++step) {
    for (size_t i = 0; i < intervals.size() && step < intervals[i].size(); ++i)
      encoder.Encode(intervals[i][step]);
  }
  return encoder.Finish();
}

Lanes DecodeLanes(Predictor* model, std::span<const uint8_t> payload,
                  std::span<const size_t> lengths) {
  RangeDecoder decoder(payload);
  Lanes lanes(lengths.size());
  std::vector<int32_t> symbols(lengths.size());
  size_t active = lengths.size();
  model->StartSegment(static_cast<int>(lengths.size()));
  for (size_t step = 0; step < lengths.front(); ++step) {
    while (lengths[active - 1] <= step) --active;
    model->Decode(decoder, std::span(symbols).first(active));
    for (size_t i = 0; i < active; ++i) lanes[i].push_back(symbols[i]);
  }
  if (!decoder.ConsumedExactly()) throw InternalError("the payload goes on");
  return lanes;
}

Bytes CompressBytes(std::span<const uint8_t> original, const CodecModel* model, int threads) {
  Bytes file;
  Compress(*MemorySource(original), *MemorySink(&file), model, {threads, {}});
  return file;
}

Bytes DecompressBytes(std::span<const uint8_t> file, const CodecModel* model, int threads) {
  Bytes original;
  Decompress(*MemorySource(file), *MemorySink(&original), model, {threads, {}});
  return original;
}

FileHeader SmallLayout(uint32_t context, uint32_t lanes, uint32_t lane_symbols,
                       const CodecModel* model) {
  FileHeader header;
  header.context = context;
  header.lanes = lanes;
  header.lane_symbols = lane_symbols;
  if (model != nullptr) {
    header.model_id = model->model_id;
    header.tokenizer_id = model->tokenizer_id;
    header.contract_version = model->contract_version;
  }
  return header;
}

Bytes CompressWithLayout(std::span<const uint8_t> original, const FileHeader& header,
                         const CodecModel* model) {
  Bytes file;
  const auto sink = MemorySink(&file);
  ContainerWriter writer(*sink, header);
  SegmentCodec codec(header, model);
  for (size_t begin = 0; begin < original.size(); begin += header.segment_bytes()) {
    const size_t size = std::min<size_t>(header.segment_bytes(), original.size() - begin);
    const EncodedSegment segment = codec.Encode(original.subspan(begin, size), 1, [](uint32_t) {});
    writer.Append(segment.header, segment.payload);
  }
  writer.Finish();
  return file;
}

size_t PipeSource::Read(std::span<uint8_t> out) {
  largest_read_ = std::max(largest_read_, out.size());
  const size_t n = std::min(out.size(), bytes_.size() - position_);
  if (good_bytes_ && position_ + n > *good_bytes_) throw IoError("cannot read pipe");
  if (n > 0) std::memcpy(out.data(), bytes_.data() + position_, n);
  position_ += n;
  return n;
}

void FullSink::Write(std::span<const uint8_t> bytes) {
  if (bytes.size() > room_) throw IoError("cannot write full disk: no space left");
  room_ -= bytes.size();
}

}  // namespace occam
