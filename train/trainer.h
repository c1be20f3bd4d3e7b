// The training loop: batches, gradients, clipping, optimizer, validation, checkpoints.
#ifndef OCCAM_TRAIN_TRAINER_H_
#define OCCAM_TRAIN_TRAINER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/base/thread_team.h"
#include "data/batcher.h"
#include "data/mixture.h"
#include "model/checkpoint/checkpoint.h"
#include "model/config.h"
#include "model/parameters.h"
#include "train/communicator.h"
#include "train/observer.h"
#include "train/optimizer.h"
#include "train/recipe.h"
#include "train/schedule.h"
#include "train/seen_weights.h"
#include "train/shard_workers.h"
#include "train/training_data.h"
#include "train/training_run.h"

namespace occam {

struct TrainerSettings {
  ModelConfig config;
  Recipe recipe;
  RunLength length;
  int threads = 0;  // of this rank; 0: one a processor
  // The ranks that train this model together, each with the same settings and data; null: this
  // process alone. Not owned. Only rank 0 reads and writes files and calls observers; its clock
  // counts, and any rank's interrupt.
  Communicator* ranks = nullptr;

  std::string checkpoint_path;      // empty: none is written
  double checkpoint_every_s = 300;  // and at the end, and when interrupted
  // Where the released checkpoint of the best validation is kept, by the bytes that the interim
  // validations measure, on which the end is then measured, too. Empty: nowhere.
  std::string best_path;
  // Goes into checkpoints; data_sha256 also decides whether a run may be resumed. The trainer keeps
  // the validation curve, and those of its sources, which are either none or one for each of the
  // data's, of the same names.
  Provenance provenance;

  // Interim validations, evenly spaced over the run, all on the same first tokens of the validation
  // part: as many as cost together about validation_share of the training time, at most
  // validation_limit. At the end the whole part is measured.
  int validations = 20;
  double validation_share = 0.05;
  int64_t validation_limit = 1'000'000;
  // Training sequences of each source over which the largest keys and values are taken at each
  // checkpoint.
  int calibration_sequences = 16;

  std::function<double()> clock_s;               // monotonic seconds; empty: the steady clock
  const std::atomic<bool>* interrupt = nullptr;  // when set, the run stops after the step
  std::vector<TrainingObserver*> observers;      // not owned
};

enum class RunStatus { kFinished, kInterrupted };

// One thread at a time. After an exception of Run the trainer is of no further use; the last
// checkpoint written is whole.
class Trainer {
 public:
  // Weights are those of Initialise with the recipe's seed. Throws kUsage (configuration, recipe,
  // length, too little data, tokens that are not of the vocabulary).
  Trainer(TrainerSettings settings, TrainingData data);

  // Starts from another model's weights, with a fresh optimizer. Before Run. Throws kUsage unless
  // configuration and tokenizer are the same; `path` is for the message.
  void StartFrom(const Checkpoint& checkpoint, const std::string& path);

  // Goes on with the run that wrote the checkpoint, so that the result is, by steps, bit for bit
  // that of a run never stopped, for any number of threads. Before Run. What best_path
  // holds counts as the best so far. Throws as UnpackTraining, and as LoadCheckpoint for best_path;
  // kUsage when that is of another run.
  void Resume(const Checkpoint& checkpoint, const std::string& path);

  // Beside those of the settings, called after them. Not owned. Before Run.
  void AddObserver(TrainingObserver* observer) { settings_.observers.push_back(observer); }

  // Throws kUsage unless all ranks have the same program, data and start of the run. After
  // StartFrom or Resume, before Run; one rank alone has nothing to compare.
  void CheckRanks();

  // Trains to the end of the run or until interrupted; in both cases writes the checkpoint. A loss,
  // gradient or weight that is not finite throws kUsage (the recipe asked for too much) with a
  // report of step, loss, learning rate and largest weight, and leaves the last checkpoint as it
  // was. Throws kIo (a checkpoint cannot be written; or from an observer) with a message that also
  // names the last whole checkpoint, and whatever else an observer throws.
  RunStatus Run();

  // Everything, training state included, with a calibration of the present weights (rounded where
  // the run has come to that; the weights of a checkpoint never are).
  Checkpoint Snapshot();

  const ParameterSet& weights() const { return weights_; }
  const RunPosition& position() const { return position_; }
  const std::vector<ValidationPoint>& validation_curve() const;

 private:
  RunStatus RunToEnd();
  void Step(double progress);
  void ReportStep();
  void SetRounding();
  const ParameterSet& Seen();
  void CountPrequential();
  void ReportPrequential();
  bool InFirstPass(int64_t step) const;
  void MaybeValidate(double progress_before);
  void ValidatePart(double progress);
  bool ValidateWhole();
  bool HasValidation() const;
  void AddValidation(bool whole, ValidationReport* report);
  void ResumeBest(const std::string& path);
  void KeepIfBest(const ValidationReport& report);
  void Save();
  bool Interrupted();
  double Elapsed() const;
  double ProgressNow() const;
  void RequireSameWeights();
  bool IsFirst() const { return ranks_->rank() == 0; }
  double bytes_seen() const;
  void RequireFinite() const;
  [[noreturn]] void ReportDivergence() const;

  std::unique_ptr<Communicator> alone_;  // where the settings name no ranks
  Communicator* ranks_;
  TrainerSettings settings_;
  TrainingData data_;
  ThreadTeam team_;
  MixedBatches batches_;
  ParameterSet weights_;
  SeenWeights seen_weights_;
  ParameterSet gradients_;
  Optimizer optimizer_;
  ShardWorkers workers_;
  Batch batch_;
  RunPosition position_;
  // Of the last step.
  double loss_nats_ = 0;
  double gradient_norm_ = 0;
  double rate_factor_ = 0;
  double started_s_ = 0;         // clock at the begin of Run
  double elapsed_before_s_ = 0;  // of the parts before this Run
  int64_t steps_before_ = 0;
  double saved_s_ = 0;        // clock at the last checkpoint
  int64_t saved_steps_ = -1;  // of the last checkpoint; -1: there is none
  double best_bits_per_byte_ = std::numeric_limits<double>::infinity();
};

// Drops the training state: what is left is all that coding needs.
Checkpoint Released(Checkpoint checkpoint);

}  // namespace occam

#endif  // OCCAM_TRAIN_TRAINER_H_
