#include "train/training_stream.h"

#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

TrainingData Checked(TrainingData data, int32_t vocabulary) {
  for (const TrainingSource& source : data.sources) {
    for (const auto* tokens : {&source.train_tokens, &source.validation_tokens}) {
      for (const int32_t token : *tokens) {
        if (token < 0 || token >= vocabulary) {
          throw UsageError(
              fmt::format("token {} is not of the model's vocabulary of {}", token, vocabulary));
        }
      }
    }
  }
  SetShares(&data.sources);
  return data;
}

}  // namespace

TrainingStream::TrainingStream(TrainingData data, const ModelConfig& config, const Recipe& recipe)
    : data_(Checked(std::move(data), config.vocabulary)),
      sequences_(recipe.batch_sequences),
      length_(config.context),
      batches_(data_.sources, config.begin_symbol(), static_cast<int>(sequences_), config.context,
               static_cast<uint64_t>(recipe.seed),
               config.has_kinds() ? Contexts::kAllFresh : Contexts::kHalfFresh) {
  for (const TrainingSource& source : data_.sources) {
    if (source.kind < 0 || source.kind >= config.kind_count())
      throw UsageError(fmt::format("a source is of kind {}, which the model has not", source.kind));
  }
}

int64_t TrainingStream::train_bytes() const {
  int64_t bytes = 0;
  for (const TrainingSource& source : sources()) bytes += source.train.size();
  return bytes;
}

double TrainingStream::BytesSeen(int64_t steps) const {
  double bytes = 0;
  for (size_t i = 0; i < sources().size(); ++i) {
    const TrainingSource& source = sources()[i];
    const auto tokens = static_cast<double>(batches_.SequencesOf(i, steps * sequences_)) *
                        static_cast<double>(length_);
    bytes += tokens * static_cast<double>(source.train.size()) /
             static_cast<double>(source.train_tokens.size());
  }
  return bytes;
}

double TrainingStream::BytesPerToken() const {
  double bytes = 0;
  for (const TrainingSource& source : sources()) {
    bytes += source.share * static_cast<double>(source.train.size()) /
             static_cast<double>(source.train_tokens.size());
  }
  return bytes;
}

bool TrainingStream::InFirstPass(int64_t step) const {
  return (step + 1) * sequences_ <= batches_.source(0).windows_per_pass();
}

}  // namespace occam
