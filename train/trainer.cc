#include "train/trainer.h"

#include <numbers>
#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"
#include "train/rank_check.h"

namespace occam {
namespace {

// Steps; between these, rows of a memory that were dropped may come back.
constexpr int64_t kRowsArePricedEvery = 500;

TrainerSettings Checked(TrainerSettings settings) {
  CheckConfig(settings.config, ErrorKind::kUsage);
  CheckRecipe(settings.recipe);
  CheckRunLength(settings.length);
  const int ranks = settings.ranks ? settings.ranks->size() : 1;
  const int64_t shards = settings.recipe.batch_sequences / settings.recipe.shard_sequences;
  if (shards < ranks) {
    throw UsageError(fmt::format("{} ranks need a batch of at least {} sequences; it has {}", ranks,
                                 ranks * settings.recipe.shard_sequences,
                                 settings.recipe.batch_sequences));
  }
  return settings;
}

}  // namespace

Trainer::Trainer(TrainerSettings settings, TrainingData data)
    : settings_(Checked(std::move(settings))),
      alone_(settings_.ranks ? nullptr : SingleProcess()),
      ranks_(settings_.ranks ? settings_.ranks : alone_.get()),
      clock_(settings_.length, settings_.clock_s, ranks_),
      stream_(std::move(data), settings_.config, settings_.recipe),
      learner_(settings_.config, settings_.recipe, &stream_,
               settings_.threads > 0 ? settings_.threads : ranks_->processors(), ranks_),
      validation_(settings_.validation, settings_.config.context, &stream_, &learner_),
      keeper_(settings_.checkpoint_path, settings_.best_path, ranks_, &observers_),
      provenance_{.command_line = settings_.command_line,
                  .code_version = settings_.code_version,
                  .data_name = DataName(stream_.sources()),
                  .data_sha256 = DataDigest(stream_.sources()),
                  .sources = WithoutTokens(stream_.sources())} {
  if (ranks_->rank() == 0) {
    for (TrainingObserver* observer : settings_.observers) observers_.Add(observer);
  }
  if (stream_.sources().size() > 1) position_.prequential.reset();
}

void Trainer::StartFrom(const Checkpoint& checkpoint, const std::string& path) {
  if (!(checkpoint.config == settings_.config)) {
    throw UsageError(fmt::format("{} has another network, {}, than this run, {}", path,
                                 Describe(checkpoint.config), Describe(settings_.config)));
  }
  if (checkpoint.tokenizer != stream_.tokenizer()) {
    throw UsageError(path + " has another tokenizer than this run");
  }
  learner_.StartFrom(checkpoint.weights, checkpoint.memory);
  position_.prequential.reset();
}

void Trainer::Resume(const Checkpoint& checkpoint, const std::string& path) {
  UnpackedTraining unpacked =
      UnpackTraining(checkpoint, path, settings_.config, settings_.recipe, settings_.length,
                     stream_.tokenizer(), provenance_.data_sha256);
  position_ = unpacked.position;
  learner_.Restore(checkpoint.weights, std::move(unpacked.optimizer),
                   std::move(unpacked.sensitivity));
  learner_.RestoreMemory(checkpoint.memory, std::move(unpacked.memory));
  provenance_.validation_curve = checkpoint.provenance.validation_curve;
  provenance_.source_curves = checkpoint.provenance.source_curves;
  keeper_.Resume(checkpoint, path, position_.steps);
}

void Trainer::CheckRanks() {
  std::string run = fmt::format("{} {} {} {} {} {}", settings_.code_version,
                                Describe(settings_.config), settings_.length.steps,
                                settings_.length.seconds, position_.steps, keeper_.keeps_best());
  VisitRecipe(settings_.recipe,
              [&](const char*, const auto& value) { run += fmt::format(" {}", value); });
  RequireSameRun(run, ranks_);
  RequireSameData(stream_, ranks_);
  RequireSameOptimizer(learner_.optimizer().first, learner_.memory().state(), ranks_);
  RequireSameWeights(weights(), learner_.memory().rows(), position_.steps, ranks_);
}

RunStatus Trainer::Run() {
  try {
    return RunToEnd();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kIo) {
      throw IoError(fmt::format("{}; training stopped after {} steps, {}", error.what(),
                                position_.steps, keeper_.WhatIsKept()));
    }
    if (error.kind() == ErrorKind::kUsage && keeper_.keeps_run())
      throw UsageError(fmt::format("{}; {}", error.what(), keeper_.WhatIsKept()));
    throw;
  }
}

RunStatus Trainer::RunToEnd() {
  clock_.Begin(position_.steps, position_.elapsed_s);
  saved_s_ = clock_.Now();
  BeginRoundingIfDue();
  while (true) {
    const double progress = ProgressNow();
    if (progress >= 1) break;
    if (Interrupted()) {
      Save();
      return RunStatus::kInterrupted;
    }
    Step(progress);
    BeginRoundingIfDue();
    const double now = ProgressNow();
    if (now >= 1 || position_.steps % kRowsArePricedEvery == 0)
      learner_.DropDearRows(position_.steps);
    if (validation_.IsDue(progress, now)) ValidatePart(now);
    if (clock_.Now() - saved_s_ >= settings_.checkpoint_every_s) Save();
  }
  // Before the whole validation, which may take long, what was trained is made safe.
  Save();
  if (keeper_.keeps_best()) ValidatePart(/*progress=*/1);
  if (!ValidateWhole()) return RunStatus::kInterrupted;
  Save();
  ReportPrequential();
  return RunStatus::kFinished;
}

void Trainer::Step(double progress) {
  const StepResult result = learner_.Step(
      position_.steps, LearningRateFactor(settings_.recipe, position_.steps, progress));
  CountPrequential(result.loss_nats);
  ++position_.steps;
  ReportStep(result);
}

// Of the step that was just done and is not counted yet.
void Trainer::CountPrequential(double loss_nats) {
  if (!position_.prequential || !stream_.InFirstPass(position_.steps)) return;
  const TrainingSource& source = stream_.sources()[0];
  const auto targets = static_cast<double>(stream_.tokens_per_step());
  position_.prequential->bits += loss_nats * targets / std::numbers::ln2;
  position_.prequential->bytes += targets * static_cast<double>(source.train.size()) /
                                  static_cast<double>(source.train_tokens.size());
}

void Trainer::ReportStep(const StepResult& result) {
  StepReport report;
  report.step = position_.steps;
  report.bytes_seen = stream_.BytesSeen(position_.steps);
  report.loss_bpb = result.loss_nats / std::numbers::ln2 / stream_.BytesPerToken();
  report.gradient_norm = result.gradient_norm;
  report.muon_lr = settings_.recipe.muon_lr * result.rate_factor;
  report.adamw_lr = settings_.recipe.adamw_lr * result.rate_factor;
  clock_.Report(position_.steps, stream_.tokens_per_step(), &report);
  position_.elapsed_s = report.elapsed_s;
  observers_.OnStep(report);
}

void Trainer::ReportPrequential() {
  if (!position_.prequential || position_.prequential->bytes == 0) return;
  observers_.OnPrequential({position_.steps, *position_.prequential,
                            static_cast<double>(stream_.train_bytes()),
                            /*whole_pass=*/!stream_.InFirstPass(position_.steps)});
}

void Trainer::BeginRoundingIfDue() {
  if (SeesRoundedMemory(settings_.recipe, ProgressNow())) learner_.BeginRoundingMemory();
  if (learner_.rounding() || !SeesRounded(settings_.recipe, ProgressNow())) return;
  learner_.BeginRounding();
  observers_.OnRounding(position_.steps);
}

void Trainer::ValidatePart(double progress) {
  if (!validation_.possible()) return;
  // The data of a resumed run may have another validation part than before.
  if (position_.validation_tokens == 0)
    position_.validation_tokens = validation_.PartSize(position_.steps, progress);
  const ValidationReport report = validation_.Part(position_.steps, position_.validation_tokens);
  AddToCurves(report, &provenance_);
  observers_.OnValidation(report);
  if (keeper_.keeps_best() && keeper_.IsBest(report)) keeper_.SaveBest(Snapshot(), report);
}

// Returns false where it was interrupted.
bool Trainer::ValidateWhole() {
  if (!validation_.possible()) return true;
  const auto report = validation_.Whole(position_.steps, settings_.interrupt);
  if (!report) return false;
  AddToCurves(*report, &provenance_);
  observers_.OnValidation(*report);
  return true;
}

void Trainer::Save() {
  saved_s_ = clock_.Now();
  learner_.RequireFinite(position_.steps);
  if (!keeper_.keeps_run()) return;
  RequireSameWeights(weights(), learner_.memory().rows(), position_.steps, ranks_);
  position_.elapsed_s = clock_.Elapsed();
  keeper_.Save(Snapshot(), position_.steps);
}

Checkpoint Trainer::Snapshot() {
  return {settings_.config,
          weights(),
          learner_.Calibrate(position_.steps, settings_.calibration_sequences),
          stream_.tokenizer(),
          PackTraining(settings_.recipe, settings_.length, position_, learner_.optimizer(),
                       learner_.sensitivity(), learner_.memory().state()),
          provenance_,
          learner_.memory().rows()};
}

bool Trainer::Interrupted() {
  return ranks_->Any(settings_.interrupt && settings_.interrupt->load());
}

}  // namespace occam
