#include "train/shard_workers.h"

#include <algorithm>
#include <mutex>

#include "data/base/error.h"
#include "model/network/transformer.h"
#include "train/loss.h"

namespace occam {
namespace {

// Added to the seed of the calibration's sequences, so that they are not those of the first steps.
constexpr uint64_t kCalibrationStream = 0x63616c6962726174ull;

TrainingBatches CalibrationBatches(const TrainingSource& source, const ModelConfig& config,
                                   int sequences, uint64_t seed) {
  return {source.train_tokens,
          config.begin_symbol(source.kind),
          sequences,
          config.context,
          seed + kCalibrationStream,
          source.record_bytes,
          config.has_kinds() ? Contexts::kAllFresh : Contexts::kHalfFresh};
}

// Elements of a gradient that are summed in one piece: of all shards they fit in a first level
// cache.
constexpr size_t kSumPiece = 1024;

void TakeMaxima(std::span<const float> from, std::span<float> to) {
  for (size_t i = 0; i < to.size(); ++i) to[i] = std::max(to[i], from[i]);
}

// Of a validation batch, whose padding is all at its end.
double LossOf(std::span<const float> logits, std::span<const int32_t> targets, int vocabulary) {
  const auto count = static_cast<size_t>(std::ranges::find(targets, kNoTarget) - targets.begin());
  return SoftmaxCrossEntropy(logits.first(count * static_cast<size_t>(vocabulary)),
                             targets.first(count), vocabulary, /*scale=*/0, /*dlogits=*/{});
}

// Tokens of a shard whose losses are computed by one thread.
constexpr int64_t kLossRows = 128;
int64_t LossBlocks(int64_t tokens) { return (tokens + kLossRows - 1) / kLossRows; }

double Sum(const std::vector<double>& terms) {
  double sum = 0;
  for (const double t : terms) sum += t;
  return sum;
}

}  // namespace

struct ShardWorkers::Worker {
  Worker(const ModelConfig& config, int sequences, Workspace* workspace)
      : network(config, sequences, config.context, workspace),
        dlogits(static_cast<size_t>(sequences) * static_cast<size_t>(config.context) *
                static_cast<size_t>(config.vocabulary)),
        losses(static_cast<size_t>(LossBlocks(sequences * config.context))) {}

  Transformer network;
  std::vector<float> dlogits;  // [shard_sequences, T, V]
  std::vector<double> losses;  // of kLossRows tokens each
  Batch batch;                 // of validation and calibration
};

// A worker for as long as a shard takes.
class ShardWorkers::Lease {
 public:
  explicit Lease(ShardWorkers* from) : from_(from) {
    const std::lock_guard lock(from->mutex_);
    worker_ = from->idle_.back();
    from->idle_.pop_back();
  }
  ~Lease() {
    const std::lock_guard lock(from_->mutex_);
    from_->idle_.push_back(worker_);
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Worker* operator->() const { return worker_; }

 private:
  ShardWorkers* from_;
  Worker* worker_;
};

// A time in which the passes ask `stop`.
class ShardWorkers::Pass {
 public:
  Pass(Workspace* workspace, const StopFn& stop) : workspace_(workspace) {
    workspace->StopWith(stop);
  }
  ~Pass() { workspace_->Go(); }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

 private:
  Workspace* workspace_;
};

ShardWorkers::ShardWorkers(const ModelConfig& config, int shard_sequences, Precision precision,
                           ThreadTeam* team, Communicator* ranks)
    : config_(config),
      shard_sequences_(shard_sequences),
      team_(team),
      alone_(ranks ? nullptr : SingleProcess()),
      ranks_(ranks ? ranks : alone_.get()),
      workspace_(config, precision, team),
      weights_(config, precision) {}

ShardWorkers::~ShardWorkers() = default;

void ShardWorkers::HireFor(int64_t shards) {
  const auto needed = static_cast<size_t>(std::min<int64_t>(shards, team_->size()));
  while (workers_.size() < needed) {
    workers_.push_back(std::make_unique<Worker>(config_, shard_sequences_, &workspace_));
    idle_.push_back(workers_.back().get());
  }
}

template <typename Job>
void ShardWorkers::ForEachShard(int64_t begin, int64_t end, Job&& job) {
  const int64_t lanes = std::min<int64_t>(end - begin, kShardsAtOnce);
  HireFor(lanes);
  team_->Run(static_cast<int>(lanes), [&](int lane, int) {
    const Lease worker(this);
    for (int64_t shard = begin + lane; shard < end; shard += lanes) job(shard, worker);
  });
}

size_t ShardWorkers::shard_tokens() const {
  return static_cast<size_t>(shard_sequences_) * static_cast<size_t>(config_.context);
}

void ShardWorkers::ReserveShards(size_t count) {
  while (shard_gradients_.size() < count) {
    shard_gradients_.emplace_back(config_);
    if (config_.has_memory())
      shard_rows_.emplace_back(config_, static_cast<int64_t>(shard_tokens()));
  }
}

double ShardWorkers::Gradient(const WeightsView& weights, const Batch& batch,
                              ParameterSet* gradients, RowGradient* rows) {
  return GradientUnless({}, weights, batch, gradients, rows).value();
}

std::optional<double> ShardWorkers::GradientUnless(const StopFn& stop, const WeightsView& weights,
                                                   const Batch& batch, ParameterSet* gradients,
                                                   RowGradient* rows) {
  if (!config_.has_memory()) rows = nullptr;
  if (batch.targets.empty() || batch.targets.size() % shard_tokens() != 0) {
    throw InternalError("a batch that is no whole number of shards");
  }
  const auto shards = static_cast<int>(batch.targets.size() / shard_tokens());
  const Share own = ShareOf(shards, *ranks_);
  const auto own_count = static_cast<int>(own.size());
  const bool alone = ranks_->size() == 1;
  const int at_once =
      alone ? std::min(own_count, std::max(team_->size(), kShardsAtOnce)) : own_count;
  HireFor(at_once);
  ReserveShards(static_cast<size_t>(at_once));
  if (rows) rows->Clear(static_cast<int64_t>(batch.targets.size()));
  shard_losses_.assign(static_cast<size_t>(shards), 0.0);
  if (alone) std::ranges::fill(gradients->values(), 0.0f);
  weights_.Set(weights, team_);
  const Pass pass(&workspace_, stop);
  for (int first = 0; first < own_count && !Stopped(stop); first += at_once) {
    const int count = std::min(at_once, own_count - first);
    const int shard = static_cast<int>(own.begin) + first;
    team_->Run(count, [&](int i, int) { ComputeShard(batch, shard + i, i); });
    if (Stopped(stop)) break;  // what was left out has no rows
    if (alone) AddShards(count, 0, gradients->values());
    if (alone && rows) rows->Add(std::span(shard_rows_).first(static_cast<size_t>(count)), team_);
  }
  if (stop && ranks_->Any(Stopped(stop))) return std::nullopt;
  if (!alone) {
    ranks_->SumInOrder(gradients->values(), [&](size_t first, std::span<float> part) {
      AddShards(own_count, first, part);
    });
    if (rows) {
      rows->SumInOrder(std::span(shard_rows_).first(static_cast<size_t>(own_count)), team_, ranks_);
    }
    ranks_->Unite(shard_losses_);
  }
  return Sum(shard_losses_) / static_cast<double>(batch.targets.size());
}

void ShardWorkers::ComputeShard(const Batch& batch, int shard, int place) {
  const size_t tokens = shard_tokens();
  const auto first = static_cast<size_t>(shard) * tokens;
  const auto scale = static_cast<float>(1.0 / static_cast<double>(batch.targets.size()));
  const auto targets = std::span(batch.targets).subspan(first, tokens);
  const Lease worker(this);
  const auto logits =
      worker->network.Forward(weights_, std::span(batch.inputs).subspan(first, tokens));
  const auto vocabulary = static_cast<size_t>(config_.vocabulary);
  team_->Run(static_cast<int>(worker->losses.size()), [&](int block, int) {
    const size_t begin = static_cast<size_t>(block) * kLossRows;
    const size_t count = std::min<size_t>(kLossRows, tokens - begin);
    worker->losses[static_cast<size_t>(block)] = SoftmaxCrossEntropy(
        logits.subspan(begin * vocabulary, count * vocabulary), targets.subspan(begin, count),
        config_.vocabulary, scale,
        std::span(worker->dlogits).subspan(begin * vocabulary, count * vocabulary));
  });
  shard_losses_[static_cast<size_t>(shard)] = Sum(worker->losses);
  worker->network.Backward(
      weights_, worker->dlogits, &shard_gradients_[static_cast<size_t>(place)],
      config_.has_memory() ? &shard_rows_[static_cast<size_t>(place)] : nullptr);
}

void ShardWorkers::AddShards(int count, size_t first, std::span<float> part) {
  const auto pieces = static_cast<int>((part.size() + kSumPiece - 1) / kSumPiece);
  team_->Run(pieces, [&](int piece, int) {
    const size_t begin = static_cast<size_t>(piece) * kSumPiece;
    const std::span<float> sum = part.subspan(begin, std::min(kSumPiece, part.size() - begin));
    for (int i = 0; i < count; ++i) {
      const float* shard = shard_gradients_[static_cast<size_t>(i)].values().data() + first + begin;
      for (size_t j = 0; j < sum.size(); ++j) sum[j] += shard[j];
    }
  });
}

std::optional<double> ShardWorkers::ChunkedLoss(const WeightsView& weights,
                                                std::span<const int32_t> tokens,
                                                const std::atomic<bool>* interrupt, int kind) {
  const ValidationBatches batches(tokens, config_.begin_symbol(kind), shard_sequences_,
                                  config_.context);
  std::vector<double> losses(static_cast<size_t>(batches.count()));
  const StopFn stop = interrupt ? StopFn([interrupt] { return interrupt->load(); }) : StopFn();
  const Share own = ShareOf(batches.count(), *ranks_);
  weights_.Set(weights, team_);
  const Pass pass(&workspace_, stop);
  ForEachShard(own.begin, own.end, [&](int64_t index, const Lease& worker) {
    if (Stopped(stop)) return;
    batches.Fill(index, &worker->batch);
    const auto logits = worker->network.Forward(weights_, worker->batch.inputs);
    losses[static_cast<size_t>(index)] = LossOf(logits, worker->batch.targets, config_.vocabulary);
  });
  if (ranks_->Any(Stopped(stop))) return std::nullopt;
  ranks_->Unite(losses);
  return Sum(losses);
}

// Over the begin of one sequence, of the present weights.
Calibration ShardWorkers::CalibrateShortly(const TrainingSource& source, uint64_t seed) {
  constexpr int kTokens = 128;
  const int length = std::min(config_.context, kTokens);
  Transformer network(config_, 1, length, &workspace_);
  Batch batch;
  CalibrationBatches(source, config_, 1, seed).Fill(0, &batch);
  network.Forward(weights_, std::span(batch.inputs).first(static_cast<size_t>(length)));
  return network.KeyValueMaxima();
}

Calibration ShardWorkers::Calibrate(const WeightsView& weights,
                                    std::span<const TrainingSource> sources, int sequences,
                                    uint64_t seed, const StopFn& stop, bool* cut) {
  const auto count = static_cast<size_t>(config_.layers) * static_cast<size_t>(config_.kv_heads);
  Calibration total{std::vector<float>(count), std::vector<float>(count)};
  std::mutex mutex;  // the maximum is the same in any order
  const Share own = ShareOf((sequences + shard_sequences_ - 1) / shard_sequences_, *ranks_);
  weights_.Set(weights, team_);
  std::atomic<bool> left_out = false, seen_any = false;
  const Pass pass(&workspace_, stop);
  for (const TrainingSource& source : sources) {
    const TrainingBatches batches = CalibrationBatches(source, config_, shard_sequences_, seed);
    ForEachShard(own.begin, own.end, [&](int64_t shard, const Lease& worker) {
      if (!Stopped(stop)) {
        batches.Fill(shard, &worker->batch);
        worker->network.Forward(weights_, worker->batch.inputs);
      }
      if (Stopped(stop)) {
        left_out = true;
        return;
      }
      seen_any = true;
      const Calibration seen = worker->network.KeyValueMaxima();
      const std::lock_guard lock(mutex);
      TakeMaxima(seen.key_maxima, total.key_maxima);
      TakeMaxima(seen.value_maxima, total.value_maxima);
    });
  }
  ranks_->TakeMaxima(total.key_maxima);
  ranks_->TakeMaxima(total.value_maxima);
  const bool some_left_out = ranks_->Any(left_out);
  if (some_left_out && !ranks_->Any(seen_any)) {
    workspace_.Go();
    total = CalibrateShortly(sources.front(), seed);
  }
  if (cut) *cut = some_left_out;
  return total;
}

}  // namespace occam
