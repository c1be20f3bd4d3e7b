// The data that a run trains on: its sources, and the batches that are made of them.
#ifndef OCCAM_TRAIN_TRAINING_STREAM_H_
#define OCCAM_TRAIN_TRAINING_STREAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "data/base/file.h"
#include "data/batcher.h"
#include "data/mixture.h"
#include "data/training_source.h"
#include "model/config.h"
#include "train/recipe.h"

namespace occam {

struct TrainingData {
  std::vector<TrainingSource> sources;  // at least one, tokenised
  Bytes tokenizer;                      // serialised
};

// Immutable.
class TrainingStream {
 public:
  // Throws kUsage (a token that is not of the vocabulary) and as MixedBatches.
  TrainingStream(TrainingData data, const ModelConfig& config, const Recipe& recipe);
  TrainingStream(const TrainingStream&) = delete;
  TrainingStream& operator=(const TrainingStream&) = delete;

  // Their shares sum to 1 (SetShares).
  const std::vector<TrainingSource>& sources() const { return data_.sources; }
  const Bytes& tokenizer() const { return data_.tokenizer; }

  // The batch of step `step`, from 0. Reuses the memory of `batch`.
  void Fill(int64_t step, Batch* batch) const { batches_.Fill(step, batch); }
  int64_t tokens_per_step() const { return sequences_ * length_; }

  int64_t train_bytes() const;  // of all sources
  // Bytes of training data in the first `steps` steps, repeats included.
  double BytesSeen(int64_t steps) const;
  // Bytes a token, of all sources by their shares.
  double BytesPerToken() const;

  // Returns whether all sequences of step `step` are of the first pass over the first source.
  bool InFirstPass(int64_t step) const;

 private:
  TrainingData data_;
  int64_t sequences_;
  int64_t length_;
  MixedBatches batches_;
};

}  // namespace occam

#endif  // OCCAM_TRAIN_TRAINING_STREAM_H_
