#include "train/shard_workers.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "data/base/error.h"
#include "model/transformer.h"
#include "train/loss.h"

namespace occam {
namespace {

// Added to the seed of the calibration's sequences, so that they are not those of the first steps.
constexpr uint64_t kCalibrationStream = 0x63616c6962726174ull;

// Lets shards pass in their order. Shards are handed out in increasing order, so the one whose turn
// it is has always begun and a wait ends.
class Turns {
 public:
  // Returns false if a shard failed: then no turn comes any more.
  bool Wait(int shard) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failed_ || next_ == shard; });
    return !failed_;
  }
  void Finish() {
    {
      const std::lock_guard lock(mutex_);
      ++next_;
    }
    changed_.notify_all();
  }
  void Fail() {
    {
      const std::lock_guard lock(mutex_);
      failed_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int next_ = 0;
  bool failed_ = false;
};

void Add(std::span<const float> from, std::span<float> to) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

void TakeMaxima(std::span<const float> from, std::span<float> to) {
  for (size_t i = 0; i < to.size(); ++i) to[i] = std::max(to[i], from[i]);
}

// Of a validation batch, whose padding is all at its end.
double LossOf(std::span<const float> logits, std::span<const int32_t> targets, int vocabulary) {
  const auto count = static_cast<size_t>(std::ranges::find(targets, kNoTarget) - targets.begin());
  return SoftmaxCrossEntropy(logits.first(count * static_cast<size_t>(vocabulary)),
                             targets.first(count), vocabulary, /*scale=*/0, /*dlogits=*/{});
}

double Sum(const std::vector<double>& terms) {
  double sum = 0;
  for (const double t : terms) sum += t;
  return sum;
}

}  // namespace

struct ShardWorkers::Worker {
  Worker(const ModelConfig& config, int sequences, Precision precision)
      : network(config, sequences, config.context, precision),
        dlogits(static_cast<size_t>(sequences) * static_cast<size_t>(config.context) *
                static_cast<size_t>(config.vocabulary)) {}

  Transformer network;
  std::vector<float> dlogits;               // [shard_sequences, T, V]
  std::unique_ptr<ParameterSet> gradients;  // null until the thread first trains
  Batch batch;                              // of validation and calibration
};

ShardWorkers::ShardWorkers(const ModelConfig& config, int shard_sequences, Precision precision,
                           ThreadTeam* team)
    : config_(config),
      shard_sequences_(shard_sequences),
      precision_(precision),
      team_(team),
      workers_(static_cast<size_t>(team->size())) {}

ShardWorkers::~ShardWorkers() = default;

ShardWorkers::Worker& ShardWorkers::WorkerOf(int thread) {
  auto& worker = workers_[static_cast<size_t>(thread)];
  if (!worker) worker = std::make_unique<Worker>(config_, shard_sequences_, precision_);
  return *worker;
}

size_t ShardWorkers::shard_tokens() const {
  return static_cast<size_t>(shard_sequences_) * static_cast<size_t>(config_.context);
}

double ShardWorkers::Gradient(const ParameterSet& weights, const Batch& batch,
                              ParameterSet* gradients) {
  const size_t tokens = shard_tokens();
  if (batch.targets.empty() || batch.targets.size() % tokens != 0) {
    throw InternalError("a batch that is no whole number of shards");
  }
  const auto shards = static_cast<int>(batch.targets.size() / tokens);
  const auto scale = static_cast<float>(1.0 / static_cast<double>(batch.targets.size()));
  std::vector<double> losses(static_cast<size_t>(shards));
  std::ranges::fill(gradients->values(), 0.0f);
  Turns turns;
  const auto compute = [&](int shard, Worker& worker) {
    if (!worker.gradients) worker.gradients = std::make_unique<ParameterSet>(config_);
    const auto first = static_cast<size_t>(shard) * tokens;
    const auto logits =
        worker.network.Forward(weights, std::span(batch.inputs).subspan(first, tokens));
    losses[static_cast<size_t>(shard)] =
        SoftmaxCrossEntropy(logits, std::span(batch.targets).subspan(first, tokens),
                            config_.vocabulary, scale, worker.dlogits);
    std::ranges::fill(worker.gradients->values(), 0.0f);
    worker.network.Backward(weights, worker.dlogits, worker.gradients.get());
  };
  team_->Run(shards, [&](int shard, int thread) {
    Worker* worker = nullptr;
    try {
      worker = &WorkerOf(thread);
      compute(shard, *worker);
    } catch (...) {
      turns.Fail();
      throw;
    }
    if (!turns.Wait(shard)) return;
    Add(worker->gradients->values(), gradients->values());
    turns.Finish();
  });
  return Sum(losses) / static_cast<double>(batch.targets.size());
}

std::optional<double> ShardWorkers::ChunkedLoss(const ParameterSet& weights,
                                                std::span<const int32_t> tokens,
                                                const std::atomic<bool>* interrupt) {
  const ValidationBatches batches(tokens, config_.begin_symbol(), shard_sequences_,
                                  config_.context);
  std::vector<double> losses(static_cast<size_t>(batches.count()));
  std::atomic<bool> interrupted = false;
  team_->Run(static_cast<int>(batches.count()), [&](int index, int thread) {
    if (interrupt && interrupt->load()) interrupted = true;
    if (interrupted) return;
    Worker& worker = WorkerOf(thread);
    batches.Fill(index, &worker.batch);
    const auto logits = worker.network.Forward(weights, worker.batch.inputs);
    losses[static_cast<size_t>(index)] = LossOf(logits, worker.batch.targets, config_.vocabulary);
  });
  if (interrupted) return std::nullopt;
  return Sum(losses);
}

Calibration ShardWorkers::Calibrate(const ParameterSet& weights, std::span<const int32_t> tokens,
                                    int sequences, uint64_t seed) {
  const TrainingBatches batches(tokens, config_.begin_symbol(), shard_sequences_, config_.context,
                                seed + kCalibrationStream);
  const auto count = static_cast<size_t>(config_.layers) * static_cast<size_t>(config_.kv_heads);
  Calibration total{std::vector<float>(count), std::vector<float>(count)};
  std::mutex mutex;  // the maximum is the same in any order
  const int shards = (sequences + shard_sequences_ - 1) / shard_sequences_;
  team_->Run(shards, [&](int shard, int thread) {
    Worker& worker = WorkerOf(thread);
    batches.Fill(shard, &worker.batch);
    worker.network.Forward(weights, worker.batch.inputs);
    const Calibration seen = worker.network.KeyValueMaxima();
    const std::lock_guard lock(mutex);
    TakeMaxima(seen.key_maxima, total.key_maxima);
    TakeMaxima(seen.value_maxima, total.value_maxima);
  });
  return total;
}

}  // namespace occam
