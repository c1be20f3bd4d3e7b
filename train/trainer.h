// The training loop: which step comes next, and when to validate, to save and to stop.
#ifndef OCCAM_TRAIN_TRAINER_H_
#define OCCAM_TRAIN_TRAINER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/base/stop.h"
#include "model/checkpoint/checkpoint.h"
#include "model/config.h"
#include "model/parameters.h"
#include "train/communicator.h"
#include "train/learner.h"
#include "train/observer.h"
#include "train/recipe.h"
#include "train/run_clock.h"
#include "train/run_keeper.h"
#include "train/schedule.h"
#include "train/training_run.h"
#include "train/training_stream.h"
#include "train/validation.h"

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
  // The file of the released checkpoint of the best validation; empty: none. The bytes that the
  // interim validations measure decide; the end is then measured on them, too.
  std::string best_path;
  // Facts for checkpoints, whose provenance tells them, the data and the validation curves.
  std::string command_line;
  std::string code_version;

  ValidationPlan validation;  // at the end the whole part is measured
  // Training sequences of each source over which the largest keys and values are taken at each
  // checkpoint.
  int calibration_sequences = 16;

  std::function<double()> clock_s;  // monotonic seconds; empty: the steady clock
  // Stops the run once it is set, and throws away a step or validation that is not done.
  const std::atomic<bool>* interrupt = nullptr;
  std::vector<TrainingObserver*> observers;  // not owned
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

  // Goes on with the run that wrote the checkpoint, before Run. By steps, the result is bit for bit
  // that of a run never stopped, for any number of threads. What best_path holds counts as the best
  // so far. Throws as UnpackTraining, and as LoadCheckpoint for best_path; kUsage when that is of
  // another run.
  void Resume(const Checkpoint& checkpoint, const std::string& path);

  // Adds one beside those of the settings, called after them. Not owned. Before Run.
  void AddObserver(TrainingObserver* observer) { observers_.Add(observer); }

  // Throws kUsage unless all ranks have the same program, data and start of the run. After
  // StartFrom or Resume, before Run; one rank alone has nothing to compare.
  void CheckRanks();

  // Trains to the end of the run or until interrupted; in both cases writes the checkpoint. That of
  // an interrupted run is calibrated on what can be seen in half a second, or on few tokens. A
  // loss, gradient or weight that is not finite throws kUsage (the recipe asked for too much) and
  // leaves the last checkpoint as it was. The message has step, loss, learning rate and largest
  // weight. Throws kIo (a checkpoint cannot be written; or from an observer). Both messages also
  // name the last whole checkpoint. Throws whatever else an observer throws.
  RunStatus Run();

  // Everything, training state included, with a calibration of the present weights (rounded where
  // the run has come to that; the weights of a checkpoint never are).
  Checkpoint Snapshot();

  const ParameterSet& weights() const { return learner_.weights(); }
  const RunPosition& position() const { return position_; }
  const ValidationCurve& validation_curve() const { return provenance_.validation_curve; }

 private:
  RunStatus RunToEnd();
  RunStatus Leave();
  bool Step(double progress);
  void CountPrequential(double loss_nats);
  void ReportStep(const StepResult& result);
  void ReportPrequential();
  void BeginRoundingIfDue();
  bool ValidatePart(double progress);
  bool ValidateWhole();
  void Save();
  bool Interrupted();
  StopFn StopAtOnce() const;
  StopFn StopSoon();
  double ProgressNow() const { return clock_.ProgressAfter(position_.steps); }

  TrainerSettings settings_;
  std::unique_ptr<Communicator> alone_;  // where the settings name no ranks
  Communicator* ranks_;
  Observers observers_;
  RunClock clock_;
  TrainingStream stream_;
  Learner learner_;
  Validation validation_;
  RunKeeper keeper_;
  Provenance provenance_;
  RunPosition position_;
  double saved_s_ = 0;                 // clock at the last checkpoint
  bool unsaved_ = true;                // something happened since
  bool cut_ = false;                   // the last snapshot's calibration lacks some sequences
  std::atomic<int64_t> asked_ns_ = 0;  // when a calibration first noticed an interrupt
};

}  // namespace occam

#endif  // OCCAM_TRAIN_TRAINER_H_
