// What a run trains on: one source of tokens or several, each with its share and its own validation
// part.
#ifndef OCCAM_TRAIN_TRAINING_DATA_H_
#define OCCAM_TRAIN_TRAINING_DATA_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/base/file.h"
#include "data/mixture.h"
#include "model/parameters.h"
#include "train/observer.h"
#include "train/shard_workers.h"

namespace occam {

// The tokens are not owned.
struct TrainingSource {
  std::span<const int32_t> train_tokens;
  std::span<const int32_t> validation_tokens;  // may be empty: then it is not validated on
  double train_bytes = 0;                      // that the tokens stand for
  double validation_bytes = 0;
  std::string name = {};      // in reports; may be empty where it is the only source
  double weight = 1;          // see data/mixture.h
  int64_t record_tokens = 1;  // see data/batcher.h
};

struct TrainingData {
  std::vector<TrainingSource> sources;  // at least one
  Bytes tokenizer;                      // serialised
};

// Throws kUsage unless all tokens are in [0, vocabulary).
void CheckTokens(const TrainingData& data, int32_t vocabulary);

std::vector<TokenSource> TrainTokens(const TrainingData& data);

double TrainBytes(const TrainingData& data);
// Of training data in the first `sequences` sequences of `length` tokens, repeats included.
double BytesSeen(const TrainingData& data, const MixedBatches& batches, int64_t sequences,
                 int length);
// Bytes a token, of all sources by their shares.
double BytesPerToken(const TrainingData& data, const MixedBatches& batches);

// Of each source, how many validation tokens to measure of about `budget` in all: by the shares, in
// whole chunks of `chunk` tokens, at least one, at most what there is.
std::vector<int64_t> ValidationPart(const TrainingData& data, const MixedBatches& batches,
                                    int64_t budget, int64_t chunk);
std::vector<int64_t> WholeValidation(const TrainingData& data);

// The losses of the first `tokens` validation tokens of each source, in chunks: bits_per_byte,
// validation_bytes and sources of a report. Sources without validation tokens are left out, and the
// others' shares count in proportion; there must be one. Nothing when `interrupt` (may be null) was
// set before all were done.
std::optional<ValidationReport> Validate(const TrainingData& data, const MixedBatches& batches,
                                         std::span<const int64_t> tokens,
                                         const ParameterSet& weights, ShardWorkers* workers,
                                         const std::atomic<bool>* interrupt = nullptr);

}  // namespace occam

#endif  // OCCAM_TRAIN_TRAINING_DATA_H_
