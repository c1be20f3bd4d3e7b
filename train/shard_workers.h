// The network at work on whole batches, by several threads. A batch is cut into shards of a fixed
// number of sequences; each has a gradient of its own, and what the shards give is put together in
// shard order, element by element. So results do not depend on the number of threads, bit for bit
// (docs/architecture.md). Where several ranks work together, each has its share of the shards, one
// after the other. The sums go on from rank to rank, so results do not depend on their number
// either.
#ifndef OCCAM_TRAIN_SHARD_WORKERS_H_
#define OCCAM_TRAIN_SHARD_WORKERS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "data/base/stop.h"
#include "data/base/thread_team.h"
#include "data/batcher.h"
#include "data/mixture.h"
#include "model/calibration.h"
#include "model/config.h"
#include "model/network/network_weights.h"
#include "model/network/workspace.h"
#include "model/parameters.h"
#include "train/communicator.h"
#include "train/row_gradient.h"

namespace occam {

// Holds activations for as many shards as threads. For training it holds the gradients of
// kShardsAtOnce shards or one a thread, with several ranks those of all shards of this one. The
// first call that needs them allocates them. One call at a time, and on all ranks alike: each gets
// the same result.
class ShardWorkers {
 public:
  // Shards at work side by side where no more threads ask for it; of a single process, those whose
  // gradients are kept before they are added up.
  static constexpr int kShardsAtOnce = 8;

  // Shards of `shard_sequences` sequences of config.context tokens. `team` must outlive it. A
  // precision that the processor has not is refused, as by LinearLayers. `ranks` must outlive it,
  // too; null: this process alone.
  ShardWorkers(const ModelConfig& config, int shard_sequences, Precision precision,
               ThreadTeam* team, Communicator* ranks = nullptr);
  ~ShardWorkers();
  ShardWorkers(const ShardWorkers&) = delete;
  ShardWorkers& operator=(const ShardWorkers&) = delete;

  // A batch of a whole number of shards, every target counting. Overwrites `gradients`, and `rows`
  // where the network has a memory, with those of the mean loss a target, and returns that loss in
  // nats.
  double Gradient(const WeightsView& weights, const Batch& batch, ParameterSet* gradients,
                  RowGradient* rows = nullptr);
  // The same; nothing when `stop` said so, on any rank, before it was done.
  std::optional<double> GradientUnless(const StopFn& stop, const WeightsView& weights,
                                       const Batch& batch, ParameterSet* gradients,
                                       RowGradient* rows = nullptr);

  // Returns the sum of the losses of all tokens, in nats, in chunks of `context` that start with
  // the begin symbol. The float network needs it for them in the chunked mode of the codec. Returns
  // nothing when `interrupt` (may be null) was set, on any rank, before all were done. The chunks
  // are contexts of this kind.
  std::optional<double> ChunkedLoss(const WeightsView& weights, std::span<const int32_t> tokens,
                                    const std::atomic<bool>* interrupt = nullptr, int kind = 0);

  // The largest magnitudes of keys and values over `sequences` (rounded up to whole shards)
  // training sequences of each source, in fresh and other contexts as TrainingBatches cuts them; a
  // pure function of weights, tokens and seed. Where `stop` says so before all were seen, those of
  // the shards that were: with none of them, of the first tokens of a sequence. `cut` (may be null)
  // tells, on all ranks alike, that some were left out.
  Calibration Calibrate(const WeightsView& weights, std::span<const TrainingSource> sources,
                        int sequences, uint64_t seed, const StopFn& stop = {}, bool* cut = nullptr);

 private:
  struct Worker;
  class Lease;
  class Pass;
  void HireFor(int64_t shards);  // workers for as many of the shards as run at once
  // job(shard, lease) for shards [begin, end), kShardsAtOnce of them at a time.
  template <typename Job>
  void ForEachShard(int64_t begin, int64_t end, Job&& job);
  // Loss and gradient of a shard, this in shard_gradients_[place].
  void ComputeShard(const Batch& batch, int shard, int place);
  // total [first, first + part.size()) += those of the first `count` of shard_gradients_, in their
  // order.
  void AddShards(int count, size_t first, std::span<float> part);
  void ReserveShards(size_t count);
  Calibration CalibrateShortly(const TrainingSource& source, uint64_t seed);
  size_t shard_tokens() const;

  ModelConfig config_;
  int shard_sequences_;
  ThreadTeam* team_;
  std::unique_ptr<Communicator> alone_;  // where no ranks were given
  Communicator* ranks_;
  Workspace workspace_;
  NetworkWeights weights_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex mutex_;
  std::vector<Worker*> idle_;  // of workers_; guarded by mutex_
  std::vector<ParameterSet> shard_gradients_;
  std::vector<RecalledRows> shard_rows_;  // beside shard_gradients_, where there is a memory
  std::vector<double> shard_losses_;
};

}  // namespace occam

#endif  // OCCAM_TRAIN_SHARD_WORKERS_H_
