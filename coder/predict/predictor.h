// The seam between predictor and range coder (docs/architecture.md). The network is one predictor,
// the order-2 model another. A segment's lanes step together; symbols are coded step-major,
// lane-minor: the first symbol of every lane, then the second of every lane, and so on.
//
// Lane lengths do not increase from lane to lane, so the lanes of a step are always 0 .. n - 1, and
// n does not grow from step to step.
#ifndef OCCAM_CODER_PREDICT_PREDICTOR_H_
#define OCCAM_CODER_PREDICT_PREDICTOR_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "coder/entropy/range_decoder.h"
#include "data/base/frequency.h"

namespace occam {

// Who decided a symbol. In a mixture it is the network, unless the others made the symbol half a
// bit cheaper than by the network alone. Then it is the one whose evidence for the symbol weighed
// most. The values are those of occam_decider in occam_c.h.
enum class Decider : uint8_t {
  kNetwork = 0,
  kMatch = 1,   // a long string that came before
  kWords = 2,   // the word so far, and those before it
  kOrders = 3,  // the last bytes, and bytes of records
  kNone = 4,    // it cost 8 bits or more: nobody expected it
};

// A thread has its own: it is not thread-safe.
class Predictor {
 public:
  virtual ~Predictor() = default;
  virtual int vocabulary() const = 0;

  // The kind of contexts in segments that start from now on (ModelConfig::kinds); 0 at first. What
  // has no network does not ask.
  virtual void SetKind(int /*kind*/) {}

  // Forgets everything; the next call is the first of a segment with these many lanes.
  virtual void StartSegment(int lanes) = 0;
  // Does the same where the lanes have so many symbols in all, by which an adaptive predictor
  // chooses the sizes of its tables; without that number it takes the largest.
  virtual void StartSegmentOf(int lanes, uint64_t /*symbols*/) { StartSegment(lanes); }
  // Does the same, and learns a dictionary first (docs/spec/dictionary.md). Without bytes in it, it
  // is StartSegmentOf. Those of mode adaptive alone can: others throw kInternal. Learning calls
  // keep_on now and then, and ends by what it throws.
  //
  // kKept: beside a network, what was learned for one lane is kept. It serves the next call with
  // the same dictionary and number of symbols, and takes the memory of an expert once more.
  enum class Lessons : uint8_t { kUsed, kKept };
  using KeepOnFn = std::function<void()>;
  virtual void StartSegmentAfter(std::span<const uint8_t> dictionary, int lanes, uint64_t symbols,
                                 Lessons lessons, const KeepOnFn& keep_on);

  // Encoding: the intervals of the next symbols of every lane, lanes[i] and intervals[i] of equal
  // length. A segment takes one call or more; all lanes are cut at the same step, a multiple of the
  // context in symbols.
  virtual void Score(std::span<const std::span<const int32_t>> lanes,
                     std::span<const std::span<SymbolInterval>> intervals) = 0;

  // The same, and who decided each symbol; deciders[i] as intervals[i]. A predictor that mixes
  // nothing names the network.
  virtual void ScoreWithDeciders(std::span<const std::span<const int32_t>> lanes,
                                 std::span<const std::span<SymbolInterval>> intervals,
                                 std::span<const std::span<Decider>> deciders);

  // Decoding: one step of the lanes 0 .. symbols.size() - 1. symbols[i] is what lane i coded last
  // (ignored in the first step) and becomes what it codes next. Uses the intervals that Score gives
  // when it knows the symbols. Throws kDamaged.
  virtual void Decode(RangeDecoder& decoder, std::span<int32_t> symbols) = 0;

  // The streams of a range coder that a segment of so many lanes has, at most one a lane. Stream
  // StreamOf(lane) has the lane's symbols, in the order that they have among all.
  virtual size_t StreamsOf(size_t /*lanes*/) const { return 1; }
  // Decodes a step as Decode does, of as many streams.
  virtual void DecodeStreams(std::span<RangeDecoder> streams, std::span<int32_t> symbols) {
    Decode(streams.front(), symbols);
  }
};

// Streams have neighbouring lanes, as evenly many as can be.
constexpr size_t StreamOf(size_t lane, size_t lanes, size_t streams) {
  return lane * streams / lanes;
}
constexpr size_t FirstLaneOf(size_t stream, size_t lanes, size_t streams) {
  return (stream * lanes + streams - 1) / streams;
}

// A predictor that knows all symbols' frequencies for all lanes of a step before any of them is
// decoded: the network.
class TablePredictor : public Predictor {
 public:
  // The frequencies [n][vocabulary] of the next symbols of lanes 0 .. n - 1, n = previous.size();
  // previous as `symbols` in Decode.
  virtual void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) = 0;

  void Decode(RangeDecoder& decoder, std::span<int32_t> symbols) final;

 private:
  std::vector<uint32_t> frequencies_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PREDICTOR_H_
