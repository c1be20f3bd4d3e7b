#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <numbers>
#include <utility>

#include "data/base/digest.h"
#include "data/base/error.h"
#include "model/quantize.h"

namespace occam {
namespace {

double SteadySeconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

TrainerSettings Checked(TrainerSettings settings, Communicator* ranks) {
  CheckConfig(settings.config, ErrorKind::kUsage);
  CheckRecipe(settings.recipe);
  CheckRunLength(settings.length);
  const int64_t shards = settings.recipe.batch_sequences / settings.recipe.shard_sequences;
  if (shards < ranks->size()) {
    throw UsageError(fmt::format("{} ranks need a batch of at least {} sequences; it has {}",
                                 ranks->size(), ranks->size() * settings.recipe.shard_sequences,
                                 settings.recipe.batch_sequences));
  }
  if (!settings.clock_s) settings.clock_s = SteadySeconds;
  // All ranks go by the clock of the first, and so come to the same decisions.
  settings.clock_s = [clock_s = std::move(settings.clock_s), ranks] {
    return ranks->OfFirst(clock_s());
  };
  if (ranks->rank() > 0) settings.observers.clear();
  return settings;
}

TrainingData Checked(TrainingData data, const ModelConfig& config) {
  CheckTokens(data, config.vocabulary);
  return data;
}

Precision PrecisionOf(const Recipe& recipe) {
  return recipe.bfloat16 != 0 ? Precision::kBfloat16 : Precision::kFloat32;
}

template <typename T>
std::span<const uint8_t> BytesOf(std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

bool AllFinite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
}

}  // namespace

Trainer::Trainer(TrainerSettings settings, TrainingData data)
    : alone_(settings.ranks ? nullptr : SingleProcess()),
      ranks_(settings.ranks ? settings.ranks : alone_.get()),
      settings_(Checked(std::move(settings), ranks_)),
      data_(Checked(std::move(data), settings_.config)),
      team_(settings_.threads > 0 ? settings_.threads : ranks_->processors()),
      weights_(settings_.config),
      sensitivity_(weights_.table()),
      gradients_(settings_.config),
      optimizer_(settings_.config, settings_.recipe, &team_),
      workers_(settings_.config, static_cast<int>(settings_.recipe.shard_sequences),
               PrecisionOf(settings_.recipe), &team_, ranks_),
      batches_(TrainTokens(data_), settings_.config.begin_symbol(),
               static_cast<int>(settings_.recipe.batch_sequences), settings_.config.context,
               static_cast<uint64_t>(settings_.recipe.seed)) {
  Initialise(settings_.config, &weights_, static_cast<uint64_t>(settings_.recipe.seed));
  settings_.provenance.validation_curve.clear();
  for (SourceProvenance& source : settings_.provenance.sources) source.validation_curve.clear();
  if (batches_.size() > 1) position_.prequential.reset();
  if (settings_.recipe.rounded_share > 0) {
    rounded_ = std::make_unique<ParameterSet>(settings_.config);
  }
  if (settings_.recipe.weight_rate > 0)
    row_scales_.resize(static_cast<size_t>(RowCount(weights_.table())));
}

void Trainer::StartFrom(const Checkpoint& checkpoint, const std::string& path) {
  if (!(checkpoint.config == settings_.config)) {
    throw UsageError(fmt::format("{} has another network, {}, than this run, {}", path,
                                 Describe(checkpoint.config), Describe(settings_.config)));
  }
  if (checkpoint.tokenizer != data_.tokenizer) {
    throw UsageError(path + " has another tokenizer than this run");
  }
  weights_ = checkpoint.weights;
  position_.prequential.reset();
}

void Trainer::Resume(const Checkpoint& checkpoint, const std::string& path) {
  UnpackedTraining unpacked =
      UnpackTraining(checkpoint, path, settings_.config, settings_.recipe, settings_.length,
                     data_.tokenizer, settings_.provenance.data_sha256);
  weights_ = checkpoint.weights;
  position_ = unpacked.position;
  optimizer_.Restore(std::move(unpacked.optimizer));
  if (settings_.recipe.weight_rate > 0) {
    sensitivity_.Restore(std::move(unpacked.sensitivity.means), unpacked.sensitivity.batches);
  }
  settings_.provenance.validation_curve = checkpoint.provenance.validation_curve;
  for (const SourceProvenance& before : checkpoint.provenance.sources) {
    for (SourceProvenance& source : settings_.provenance.sources) {
      if (source.name == before.name) source.validation_curve = before.validation_curve;
    }
  }
  saved_steps_ = position_.steps;
  if (settings_.best_path.empty()) return;
  if (IsFirst() && std::filesystem::exists(settings_.best_path)) ResumeBest(path);
  best_bits_per_byte_ = ranks_->OfFirst(best_bits_per_byte_);
}

void Trainer::ResumeBest(const std::string& path) {
  const Checkpoint best = LoadCheckpoint(settings_.best_path);
  if (best.provenance.data_sha256 != settings_.provenance.data_sha256 ||
      !(best.config == settings_.config) || best.provenance.validation_curve.empty()) {
    throw UsageError(settings_.best_path + " is not of the run of " + path + "; move it away");
  }
  best_bits_per_byte_ = best.provenance.validation_curve.back().bits_per_byte;
}

RunStatus Trainer::Run() {
  try {
    return RunToEnd();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kIo) throw;
    const std::string kept =
        saved_steps_ < 0 ? "no checkpoint was written yet"
                         : fmt::format("{} still holds step {}, from where --resume goes on",
                                       settings_.checkpoint_path, saved_steps_);
    throw IoError(fmt::format("{}; training stopped after {} steps, {}", error.what(),
                              position_.steps, kept));
  }
}

// Digests of what would otherwise let the ranks part without a word: other data or another
// checkpoint on another machine's disk, another build.
void Trainer::CheckRanks() {
  if (ranks_->size() == 1) return;
  const auto require = [&](std::span<const uint8_t> bytes, const char* what) {
    if (ranks_->AllEqual(Xxh3Of(bytes))) return;
    throw UsageError(fmt::format(
        "the ranks do not have the same {}; give all machines the same files and program", what));
  };
  std::string start =
      fmt::format("{} {} {} {} {} {}", settings_.provenance.code_version,
                  Describe(settings_.config), settings_.length.steps, settings_.length.seconds,
                  position_.steps, settings_.best_path.empty());
  VisitRecipe(settings_.recipe,
              [&](const char*, const auto& value) { start += fmt::format(" {}", value); });
  require(BytesOf(std::span<const char>(start)),
          "program, recipe (--precision auto goes by the processor) and place in the run");
  for (const TrainingSource& source : data_.sources) {
    require(BytesOf(source.train_tokens), "training data");
    require(BytesOf(source.validation_tokens), "validation data");
  }
  require(BytesOf(std::as_const(optimizer_.state().first).values()), "state of the optimizer");
  RequireSameWeights();
}

// Ranks on processors of different kinds may compute different last bits.
void Trainer::RequireSameWeights() {
  if (ranks_->AllEqual(Xxh3Of(BytesOf(std::as_const(weights_).values())))) return;
  throw UsageError(fmt::format(
      "after {} steps the ranks do not have the same weights; run all of them on machines of one "
      "kind, or limit all to the instructions of the least one by OCCAM_MAX_ISA",
      position_.steps));
}

RunStatus Trainer::RunToEnd() {
  started_s_ = saved_s_ = settings_.clock_s();
  elapsed_before_s_ = position_.elapsed_s;
  steps_before_ = position_.steps;
  SetRounding();
  while (true) {
    const double progress = ProgressNow();
    if (progress >= 1) break;
    if (Interrupted()) {
      Save();
      return RunStatus::kInterrupted;
    }
    Step(progress);
    SetRounding();
    MaybeValidate(progress);
    if (settings_.clock_s() - saved_s_ >= settings_.checkpoint_every_s) Save();
  }
  // Before the whole validation, which may take long, what was trained is made safe.
  Save();
  if (!settings_.best_path.empty()) ValidatePart(/*progress=*/1);
  if (!ValidateWhole()) return RunStatus::kInterrupted;
  Save();
  ReportPrequential();
  return RunStatus::kFinished;
}

void Trainer::SetRounding() {
  if (rounding_ || !SeesRounded(settings_.recipe, ProgressNow())) return;
  rounding_ = true;
  for (TrainingObserver* observer : settings_.observers) observer->OnRounding(position_.steps);
}

// What the passes see of the present weights.
const ParameterSet& Trainer::SeenWeights() {
  if (!rounding_) return weights_;
  if (rounded_steps_ != position_.steps) Round();
  return *rounded_;
}

void Trainer::Round() {
  const auto& table = weights_.table();
  if (settings_.recipe.weight_rate > 0 && sensitivity_.batches() > 0) {
    row_steps_.resize(row_scales_.size());
    sensitivity_.FillSteps(settings_.recipe.weight_rate * BytesPerToken(data_, batches_),
                           row_steps_);
  }
  try {
    team_.Run(static_cast<int>(table.size()), [&](int tensor, int) {
      RoundTensor(table[static_cast<size_t>(tensor)],
                  static_cast<int>(settings_.recipe.weight_bits), weights_.tensor(tensor),
                  rounded_->tensor(tensor), row_steps_, row_scales_);
    });
  } catch (const Error& error) {
    if (!AllFinite(weights_.values())) ReportDivergence();
    throw UsageError(
        fmt::format("after {} steps the weights cannot be rounded: {}; lower the learning rates",
                    position_.steps, error.what()));
  }
  rounded_steps_ = position_.steps;
}

void Trainer::Step(double progress) {
  rate_factor_ = LearningRateFactor(settings_.recipe, position_.steps, progress);
  batches_.Fill(position_.steps, &batch_);
  loss_nats_ = workers_.Gradient(SeenWeights(), batch_, &gradients_);
  if (settings_.recipe.weight_rate > 0) ChargeWeights();
  gradient_norm_ = GlobalNorm(gradients_, &team_);
  if (!std::isfinite(loss_nats_) || !std::isfinite(gradient_norm_)) ReportDivergence();
  CountPrequential();
  optimizer_.Step(rate_factor_, ClipScale(gradient_norm_, settings_.recipe.clip_norm), gradients_,
                  &weights_);
  ++position_.steps;
  ReportStep();
}

// The sensitivity of the data's loss alone, then the weights' own term of the gradient.
void Trainer::ChargeWeights() {
  sensitivity_.Add(gradients_, static_cast<double>(batch_.targets.size()), &team_);
  if (!rounding_) return;
  const double factor =
      settings_.recipe.weight_rate * BytesPerToken(data_, batches_) * std::numbers::ln2;
  team_.Run(static_cast<int>(weights_.table().size()), [&](int tensor, int) {
    const ParameterSpec& spec = weights_.table()[static_cast<size_t>(tensor)];
    if (spec.coding != Coding::kRowCodes) return;
    AddCodedBitsGradient(spec, weights_.tensor(tensor), row_scales_, factor,
                         gradients_.tensor(tensor));
  });
}

bool Trainer::InFirstPass(int64_t step) const {
  return (step + 1) * settings_.recipe.batch_sequences <= batches_.source(0).windows_per_pass();
}

void Trainer::CountPrequential() {
  if (!position_.prequential || !InFirstPass(position_.steps)) return;
  const auto targets = static_cast<double>(batch_.targets.size());
  position_.prequential->bits += loss_nats_ * targets / std::numbers::ln2;
  position_.prequential->bytes += targets * data_.sources[0].train_bytes /
                                  static_cast<double>(data_.sources[0].train_tokens.size());
}

void Trainer::ReportPrequential() {
  if (!position_.prequential || position_.prequential->bytes == 0) return;
  const PrequentialReport report{position_.steps, *position_.prequential, TrainBytes(data_),
                                 /*whole_pass=*/!InFirstPass(position_.steps)};
  for (TrainingObserver* observer : settings_.observers) observer->OnPrequential(report);
}

void Trainer::ReportStep() {
  position_.elapsed_s = Elapsed();
  const double part_s = position_.elapsed_s - elapsed_before_s_;
  const auto part_steps = static_cast<double>(position_.steps - steps_before_);
  StepReport report;
  report.step = position_.steps;
  report.bytes_seen = bytes_seen();
  report.loss_bpb = loss_nats_ / std::numbers::ln2 / BytesPerToken(data_, batches_);
  report.gradient_norm = gradient_norm_;
  report.muon_lr = settings_.recipe.muon_lr * rate_factor_;
  report.adamw_lr = settings_.recipe.adamw_lr * rate_factor_;
  if (part_s > 0) {
    report.tokens_per_s = part_steps * static_cast<double>(batch_.targets.size()) / part_s;
  }
  report.elapsed_s = position_.elapsed_s;
  report.progress = Progress(settings_.length, position_.steps, position_.elapsed_s);
  report.left_s =
      settings_.length.steps > 0
          ? static_cast<double>(settings_.length.steps - position_.steps) * part_s / part_steps
          : std::max(0.0, settings_.length.seconds - position_.elapsed_s);
  for (TrainingObserver* observer : settings_.observers) observer->OnStep(report);
}

void Trainer::MaybeValidate(double progress_before) {
  const double progress = ProgressNow();
  const auto points = static_cast<double>(settings_.validations);
  const bool due = std::floor(progress * points) > std::floor(progress_before * points);
  if (due && progress < 1) ValidatePart(progress);
}

bool Trainer::HasValidation() const {
  return std::ranges::any_of(data_.sources, [](const TrainingSource& source) {
    return !source.validation_tokens.empty();
  });
}

void Trainer::ValidatePart(double progress) {
  if (!HasValidation()) return;
  const int64_t chunk = settings_.config.context;
  if (position_.validation_tokens == 0) {
    // A forward pass costs about a third of a training step's tokens.
    const auto points = static_cast<double>(settings_.validations);
    const double seen =
        static_cast<double>(position_.steps) * static_cast<double>(batch_.targets.size());
    const double tokens = 3 * settings_.validation_share * seen / progress / points;
    const int64_t whole_chunks = static_cast<int64_t>(tokens) / chunk * chunk;
    position_.validation_tokens =
        std::max(chunk, std::min(settings_.validation_limit, whole_chunks));
  }
  // The data of a resumed run may have another validation part than before.
  const auto part = ValidationPart(data_, batches_, position_.validation_tokens, chunk);
  // Not interruptible, being short: so a resumed run has the same curve.
  ValidationReport report = Validate(data_, batches_, part, SeenWeights(), &workers_).value();
  AddValidation(/*whole=*/false, &report);
  KeepIfBest(report);
}

bool Trainer::ValidateWhole() {
  if (!HasValidation()) return true;
  auto report = Validate(data_, batches_, WholeValidation(data_), SeenWeights(), &workers_,
                         settings_.interrupt);
  if (!report) return false;
  AddValidation(/*whole=*/true, &*report);
  return true;
}

void Trainer::AddValidation(bool whole, ValidationReport* report) {
  report->step = position_.steps;
  report->bytes_seen = bytes_seen();
  report->whole = whole;
  report->rounded = rounding_;
  if (rounding_ && settings_.recipe.weight_rate > 0) {
    for (size_t i = 0; i < weights_.table().size(); ++i) {
      const ParameterSpec& spec = weights_.table()[i];
      if (spec.coding == Coding::kRowCodes)
        report->weight_bits += CodedBits(spec, weights_.tensor(static_cast<int>(i)), row_scales_);
    }
  }
  Provenance& provenance = settings_.provenance;
  // A finished run that is resumed measures its last point again.
  const auto add = [&](std::vector<ValidationPoint>* curve, double bits_per_byte) {
    if (!curve->empty() && curve->back().bytes_seen == report->bytes_seen) curve->pop_back();
    curve->push_back({report->bytes_seen, bits_per_byte});
  };
  add(&provenance.validation_curve, report->bits_per_byte);
  for (const SourceValidation& own : report->sources) {
    for (SourceProvenance& source : provenance.sources) {
      if (source.name == own.name) add(&source.validation_curve, own.bits_per_byte);
    }
  }
  for (TrainingObserver* observer : settings_.observers) observer->OnValidation(*report);
}

void Trainer::KeepIfBest(const ValidationReport& report) {
  if (settings_.best_path.empty() || !(report.bits_per_byte < best_bits_per_byte_)) return;
  best_bits_per_byte_ = report.bits_per_byte;
  const Checkpoint best = Released(Snapshot());
  if (!IsFirst()) return;
  SaveCheckpoint(settings_.best_path, best);
  for (TrainingObserver* observer : settings_.observers) {
    observer->OnBest(report, settings_.best_path);
  }
}

void Trainer::Save() {
  saved_s_ = settings_.clock_s();
  if (!AllFinite(weights_.values())) ReportDivergence();
  if (settings_.checkpoint_path.empty()) return;
  if (ranks_->size() > 1) RequireSameWeights();
  position_.elapsed_s = Elapsed();
  const Checkpoint checkpoint = Snapshot();
  if (IsFirst()) SaveCheckpoint(settings_.checkpoint_path, checkpoint);
  saved_steps_ = position_.steps;
  for (TrainingObserver* observer : settings_.observers) {
    observer->OnCheckpoint(position_.steps, settings_.checkpoint_path);
  }
}

Checkpoint Trainer::Snapshot() {
  Calibration calibration =
      workers_.Calibrate(SeenWeights(), TrainTokens(data_), settings_.calibration_sequences,
                         static_cast<uint64_t>(settings_.recipe.seed));
  calibration.weight_bits = static_cast<int>(settings_.recipe.weight_bits);
  if (rounding_) calibration.row_steps = row_steps_;
  SensitivityState sensitivity;
  if (settings_.recipe.weight_rate > 0)
    sensitivity = {sensitivity_.means(), sensitivity_.batches()};
  return {
      settings_.config,
      weights_,
      std::move(calibration),
      data_.tokenizer,
      PackTraining(settings_.recipe, settings_.length, position_, optimizer_.state(), sensitivity),
      settings_.provenance};
}

void Trainer::ReportDivergence() const {
  float largest = 0;
  std::string where = "no tensor";
  for (size_t i = 0; i < weights_.table().size(); ++i) {
    for (const float w : weights_.tensor(static_cast<int>(i))) {
      if (std::fabs(w) <= largest || std::isnan(largest)) continue;
      largest = std::fabs(w);  // also not a number, which stays
      where = weights_.table()[i].name;
    }
  }
  const std::string kept =
      settings_.checkpoint_path.empty()
          ? ""
          : fmt::format("; a checkpoint from before, if one was written, is still {}",
                        settings_.checkpoint_path);
  throw UsageError(fmt::format(
      "training diverged after {} steps: loss {:.4g} nats, gradient norm {:.4g}, learning rates "
      "{:.3g} (matrices) and {:.3g} (others), largest weight {:.4g} in {}; lower the learning "
      "rates{}",
      position_.steps, std::fabs(loss_nats_), std::fabs(gradient_norm_),
      settings_.recipe.muon_lr * rate_factor_, settings_.recipe.adamw_lr * rate_factor_, largest,
      where, kept));
}

const std::vector<ValidationPoint>& Trainer::validation_curve() const {
  return settings_.provenance.validation_curve;
}

bool Trainer::Interrupted() {
  return ranks_->Any(settings_.interrupt && settings_.interrupt->load());
}

double Trainer::Elapsed() const { return elapsed_before_s_ + settings_.clock_s() - started_s_; }

double Trainer::ProgressNow() const {
  return Progress(settings_.length, position_.steps, Elapsed());
}

double Trainer::bytes_seen() const {
  return BytesSeen(data_, batches_, position_.steps * settings_.recipe.batch_sequences,
                   settings_.config.context);
}

Checkpoint Released(Checkpoint checkpoint) {
  checkpoint.training.reset();
  return checkpoint;
}

}  // namespace occam
