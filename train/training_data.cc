#include "train/training_data.h"

#include <algorithm>
#include <numbers>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

int64_t ValidationSize(const TrainingSource& source) {
  return static_cast<int64_t>(source.validation_tokens.size());
}

// The shares of the sources that have a validation part sum to this.
double ValidatedShare(const TrainingData& data, const MixedBatches& batches) {
  double sum = 0;
  for (size_t i = 0; i < data.sources.size(); ++i) {
    if (ValidationSize(data.sources[i]) > 0) sum += batches.share(i);
  }
  return sum;
}

}  // namespace

void CheckTokens(const TrainingData& data, int32_t vocabulary) {
  for (const TrainingSource& source : data.sources) {
    for (const auto tokens : {source.train_tokens, source.validation_tokens}) {
      for (const int32_t token : tokens) {
        if (token < 0 || token >= vocabulary) {
          throw UsageError(
              fmt::format("token {} is not of the model's vocabulary of {}", token, vocabulary));
        }
      }
    }
  }
}

std::vector<TokenSource> TrainTokens(const TrainingData& data) {
  std::vector<TokenSource> sources;
  for (const TrainingSource& source : data.sources) {
    sources.push_back({source.train_tokens, source.record_tokens, source.weight});
  }
  return sources;
}

double TrainBytes(const TrainingData& data) {
  double bytes = 0;
  for (const TrainingSource& source : data.sources) bytes += source.train_bytes;
  return bytes;
}

double BytesSeen(const TrainingData& data, const MixedBatches& batches, int64_t sequences,
                 int length) {
  double bytes = 0;
  for (size_t i = 0; i < data.sources.size(); ++i) {
    const TrainingSource& source = data.sources[i];
    const double tokens = static_cast<double>(batches.SequencesOf(i, sequences)) * length;
    bytes += tokens * source.train_bytes / static_cast<double>(source.train_tokens.size());
  }
  return bytes;
}

double BytesPerToken(const TrainingData& data, const MixedBatches& batches) {
  double bytes = 0;
  for (size_t i = 0; i < data.sources.size(); ++i) {
    const TrainingSource& source = data.sources[i];
    bytes +=
        batches.share(i) * source.train_bytes / static_cast<double>(source.train_tokens.size());
  }
  return bytes;
}

std::vector<int64_t> ValidationPart(const TrainingData& data, const MixedBatches& batches,
                                    int64_t budget, int64_t chunk) {
  const double validated = ValidatedShare(data, batches);
  std::vector<int64_t> tokens;
  for (size_t i = 0; i < data.sources.size(); ++i) {
    const double share = batches.share(i) / validated;
    const auto own = static_cast<int64_t>(static_cast<double>(budget) * share);
    // The whole budget of a single one need not be chunks: it may be the run's limit.
    const int64_t chunks = share == 1 ? own : std::max(chunk, own / chunk * chunk);
    tokens.push_back(std::min(chunks, ValidationSize(data.sources[i])));
  }
  return tokens;
}

std::vector<int64_t> WholeValidation(const TrainingData& data) {
  std::vector<int64_t> tokens;
  for (const TrainingSource& source : data.sources) tokens.push_back(ValidationSize(source));
  return tokens;
}

std::optional<ValidationReport> Validate(const TrainingData& data, const MixedBatches& batches,
                                         std::span<const int64_t> tokens,
                                         const ParameterSet& weights, ShardWorkers* workers,
                                         const std::atomic<bool>* interrupt) {
  const double validated = ValidatedShare(data, batches);
  ValidationReport report;
  for (size_t i = 0; i < data.sources.size(); ++i) {
    const TrainingSource& source = data.sources[i];
    if (tokens[i] == 0) continue;
    const auto part = source.validation_tokens.first(static_cast<size_t>(tokens[i]));
    const auto nats = workers->ChunkedLoss(weights, part, interrupt);
    if (!nats) return std::nullopt;
    SourceValidation own{source.name};
    own.validation_bytes = static_cast<double>(tokens[i]) * source.validation_bytes /
                           static_cast<double>(source.validation_tokens.size());
    own.bits_per_byte = *nats / std::numbers::ln2 / own.validation_bytes;
    report.bits_per_byte += batches.share(i) / validated * own.bits_per_byte;
    report.validation_bytes += own.validation_bytes;
    if (!source.name.empty()) report.sources.push_back(own);
  }
  return report;
}

}  // namespace occam
