#include "train/validation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace occam {
namespace {

int64_t ValidationSize(const TrainingSource& source) {
  return static_cast<int64_t>(source.validation_tokens.size());
}

}  // namespace

Validation::Validation(const ValidationPlan& plan, int chunk, const TrainingStream* stream,
                       Learner* learner)
    : plan_(plan), chunk_(chunk), stream_(stream), learner_(learner) {}

bool Validation::possible() const {
  return std::ranges::any_of(stream_->sources(),
                             [](const TrainingSource& s) { return ValidationSize(s) > 0; });
}

bool Validation::IsDue(double progress_before, double progress) const {
  const auto points = static_cast<double>(plan_.count);
  return progress < 1 && std::floor(progress * points) > std::floor(progress_before * points);
}

int64_t Validation::PartSize(int64_t steps, double progress) const {
  // A forward pass costs about a third of a training step's tokens.
  const auto points = static_cast<double>(plan_.count);
  const double seen = static_cast<double>(steps) * static_cast<double>(stream_->tokens_per_step());
  const double tokens = 3 * plan_.share * seen / progress / points;
  const int64_t whole_chunks = static_cast<int64_t>(tokens) / chunk_ * chunk_;
  return std::max(chunk_, std::min(plan_.limit, whole_chunks));
}

std::optional<ValidationReport> Validation::Part(int64_t steps, int64_t part_size,
                                                 const std::atomic<bool>* interrupt) {
  const double validated = ValidatedShare();
  std::vector<int64_t> tokens;
  for (const TrainingSource& source : stream_->sources()) {
    // By the shares, in whole chunks, at least one, at most what there is.
    const double share = source.share / validated;
    const auto own = static_cast<int64_t>(static_cast<double>(part_size) * share);
    // All of a single one need not be chunks: it may be the run's limit.
    const int64_t chunks = share == 1 ? own : std::max(chunk_, own / chunk_ * chunk_);
    tokens.push_back(std::min(chunks, ValidationSize(source)));
  }
  return Measure(steps, tokens, interrupt);
}

std::optional<ValidationReport> Validation::Whole(int64_t steps,
                                                  const std::atomic<bool>* interrupt) {
  std::vector<int64_t> tokens;
  for (const TrainingSource& source : stream_->sources()) tokens.push_back(ValidationSize(source));
  auto report = Measure(steps, tokens, interrupt);
  if (report) report->whole = true;
  return report;
}

// The shares of the sources that have a validation part sum to this.
double Validation::ValidatedShare() const {
  double sum = 0;
  for (const TrainingSource& source : stream_->sources()) {
    if (ValidationSize(source) > 0) sum += source.share;
  }
  return sum;
}

// The losses of the first `tokens` validation tokens of each source, in chunks.
std::optional<ValidationReport> Validation::Measure(int64_t steps, std::span<const int64_t> tokens,
                                                    const std::atomic<bool>* interrupt) {
  const double validated = ValidatedShare();
  ValidationReport report;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const TrainingSource& source = stream_->sources()[i];
    if (tokens[i] == 0) continue;
    const auto part = std::span(source.validation_tokens).first(static_cast<size_t>(tokens[i]));
    const auto nats = learner_->ChunkedLoss(steps, part, interrupt, source.kind);
    if (!nats) return std::nullopt;
    SourceValidation own{source.name};
    own.validation_bytes = static_cast<double>(tokens[i]) *
                           static_cast<double>(source.validation.size()) /
                           static_cast<double>(source.validation_tokens.size());
    own.bits_per_byte = *nats / std::numbers::ln2 / own.validation_bytes;
    report.bits_per_byte += source.share / validated * own.bits_per_byte;
    report.validation_bytes += own.validation_bytes;
    if (!source.name.empty()) report.sources.push_back(own);
  }
  report.step = steps;
  report.bytes_seen = stream_->BytesSeen(steps);
  report.rounded = learner_->rounding();
  report.weight_bits = learner_->WeightBits();
  return report;
}

void AddToCurves(const ValidationReport& report, Provenance* provenance) {
  const auto add = [&](ValidationCurve* curve, double bits_per_byte) {
    if (!curve->empty() && curve->back().bytes_seen == report.bytes_seen) curve->pop_back();
    curve->push_back({report.bytes_seen, bits_per_byte});
  };
  add(&provenance->validation_curve, report.bits_per_byte);
  for (const SourceValidation& own : report.sources)
    add(&provenance->source_curves[own.name], own.bits_per_byte);
}

}  // namespace occam
