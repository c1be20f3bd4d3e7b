// How a run begins: fresh, from another model's weights, or where it was stopped.

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>

#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "train/trainer.h"

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

}  // namespace

Trainer::Trainer(TrainerSettings settings, TrainingData data)
    : alone_(settings.ranks ? nullptr : SingleProcess()),
      ranks_(settings.ranks ? settings.ranks : alone_.get()),
      settings_(Checked(std::move(settings), ranks_)),
      data_(Checked(std::move(data), settings_.config)),
      team_(settings_.threads > 0 ? settings_.threads : ranks_->processors()),
      batches_(TrainTokens(data_), settings_.config.begin_symbol(),
               static_cast<int>(settings_.recipe.batch_sequences), settings_.config.context,
               static_cast<uint64_t>(settings_.recipe.seed)),
      weights_(settings_.config),
      seen_weights_(settings_.config, settings_.recipe, BytesPerToken(data_, batches_), &team_),
      gradients_(settings_.config),
      optimizer_(settings_.config, settings_.recipe, &team_),
      workers_(settings_.config, static_cast<int>(settings_.recipe.shard_sequences),
               PrecisionOf(settings_.recipe), &team_, ranks_) {
  Initialise(settings_.config, &weights_, static_cast<uint64_t>(settings_.recipe.seed));
  settings_.provenance.validation_curve.clear();
  for (SourceProvenance& source : settings_.provenance.sources) source.validation_curve.clear();
  if (batches_.size() > 1) position_.prequential.reset();
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
  seen_weights_.Restore(std::move(unpacked.sensitivity));
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
  require(
      BytesOf(std::span<const char>(start)),
      "program, recipe (processors may differ in the precision they choose) and place in the run");
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

}  // namespace occam
