// The exact network as a predictor of symbols: what makes a language model a codec.
#ifndef OCCAM_CODER_PREDICT_NETWORK_PREDICTOR_H_
#define OCCAM_CODER_PREDICT_NETWORK_PREDICTOR_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "coder/predict/codec_model.h"
#include "coder/predict/predictor.h"
#include "coder/weights/model_codec.h"
#include "data/base/thread_team.h"
#include "model/exact/network.h"

namespace occam {

// Lanes of the network, chunked: every one fresh each `context` symbols; or carried: fresh at the
// start of a segment alone, the network's full layers looking back over its own context. A thread
// takes some lanes at once. Chunked, Score must be called for whole chunks at a time, that is from
// multiples of `context` on.
class NetworkPredictor final : public TablePredictor {
 public:
  // `context` in [1, the network's], carried the network's (kUsage otherwise); the network must
  // outlive the codec.
  NetworkPredictor(const ExactNetwork& network, uint32_t context, int threads,
                   ContextMode mode = ContextMode::kChunked);

  int vocabulary() const override { return network_.config().vocabulary; }
  void SetKind(int kind) override { kind_ = kind; }
  void StartSegment(int lanes) override;
  // The same, carried, with lanes that begin behind these symbols.
  void StartSegmentBehind(std::vector<int32_t> symbols, int lanes);
  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override;
  // Does as Score, but tells all frequencies before each symbol: take(lane, i, frequencies
  // [vocabulary]) for lanes[lane][i], in several threads at once.
  using TakeTableFn =
      std::function<void(size_t lane, size_t i, std::span<const uint32_t> frequencies)>;
  void ScoreTables(std::span<const std::span<const int32_t>> lanes, const TakeTableFn& take);
  // The network's logits for the eight decisions of a known byte.
  using Path = std::array<int16_t, 8>;
  // Fills in the paths of `count` steps at most, from step `begin` on, of lanes of bytes. That of
  // lanes[lane][i] is paths[lane * steps + i]; `steps` are those of the first lane.
  void ScorePaths(std::span<const std::span<const int32_t>> lanes, size_t begin, size_t count,
                  std::span<Path> paths);
  uint32_t context() const { return context_; }
  // Its threads. Whoever has other work for them gives it as one item beside a call of the above;
  // the thread that is done with it helps.
  ThreadTeam& team() { return team_; }
  void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) override;
  // Does as Step, and calls take(worker, first lane, end) for each of StepWorkers workers, once the
  // frequencies of its lanes are there. Each has a thread of its own, so that they may wait for
  // each other. A worker has all lanes of a stream, and may have none.
  using TakeLanesFn = std::function<void(size_t worker, size_t first, size_t end)>;
  size_t StepWorkers(size_t streams) const {
    return std::min(static_cast<size_t>(team_.size()), streams);
  }
  void StepStreams(std::span<const int32_t> previous, std::span<uint32_t> frequencies,
                   size_t streams, const TakeLanesFn& take);

  // Sessions at most, of a segment of so many lanes.
  static int MostSessions(int threads, ContextMode mode, int lanes);

 private:
  // Neighbouring lanes that one thread takes at once, and their cached keys and values.
  struct Share {
    int first_lane = 0;
    int lanes = 0;
    int capacity = 0;  // lanes of its session
    std::unique_ptr<ExactSession> session;
    std::atomic<bool> taken = false;  // in this step
  };
  Share& Take(int thread);
  ExactSession& SessionFor(Share& share, int lanes);
  // Cuts the lanes of a segment that begins into so many shares, or as many as there are streams.
  void CutShares(int count, size_t streams);
  // Runs job(share, first lane, lanes) for each thread's part of the lanes 0 .. active - 1.
  template <typename Job>
  void ShareOut(size_t active, Job job);
  // Returns the share's session, once those of its lanes that start afresh at this step have done
  // so.
  ExactSession& ReadySession(Share& share, size_t lanes);
  // score(session, its lane, lane, begin, size) for pieces of lanes that share a context. Those of
  // a lane come in their order, or each in a thread of its own.
  template <typename ScorePiece>
  void ForEachPiece(std::span<const std::span<const int32_t>> lanes, ScorePiece score);
  // Returns into how many parts a lane of so many steps is cut, so that all threads score it.
  size_t PartsFor(size_t lanes, size_t steps) const;
  // The same for parts of lanes, each begun as many symbols before as its network looks back over.
  template <typename ScorePiece>
  void ForEachPart(std::span<const std::span<const int32_t>> lanes, ScorePiece score);

  const ExactNetwork& network_;
  uint32_t context_;
  ContextMode mode_;
  int kind_ = 0;
  ThreadTeam team_;
  std::vector<Share> shares_;
  int lanes_ = 0;    // of this segment
  int cut_for_ = 0;  // shares at most, of the last cut
  int used_ = 0;     // shares with lanes, the first ones
  uint64_t step_ = 0;
  std::vector<int32_t> before_;  // symbols that every lane begins behind

  // A lane that is scored in parts: its last symbols, and what rules know of all before them.
  struct Tail {
    KnownPast past;
    std::vector<int32_t> symbols;  // as many as a part needs before it, or all
  };
  bool in_parts_ = false;  // of this segment
  std::vector<Tail> tails_;
};

// The network as the container knows it; `context` 0 means the network's own. Throws kUsage,
// and kDamaged where the model's tokenizer is not one of its vocabulary. The network must outlive
// it.
CodecModel NetworkCodecModel(const ExactNetwork& network, uint32_t context = 0);

// Fills in what a model of this configuration takes: the last four fields.
void TellCosts(const ModelHead& head, CodecModel* model);

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_NETWORK_PREDICTOR_H_
