// The log of a run: one JSON object a line, beside the checkpoint.
//
//   {"event": "start", "step": 0, ...}        what the caller tells of the run; "resume" when it
//   goes on
//   {"event": "step", "step", "bytes_seen", "loss_bpb", "gradient_norm", "muon_lr", "adamw_lr",
//    "tokens_per_s", "elapsed_s"}
//   {"event": "rounding", "step"}           from here on the passes see weights rounded as for
//   coding; a run resumed there says it again
//   {"event": "validation", "step", "bytes_seen", "bpb", "validation_bytes", "whole", "rounded"}
//     and where the recipe charges for them "weight_bits": what the coded weights take, estimated;
//     and with named sources "bpb_of" and "validation_bytes_of": {"text", "image", ...}; "bpb" is
//     then the mean weighted by the sources' shares
//   {"event": "checkpoint", "step", "path"}
//   {"event": "best", "step", "bytes_seen", "bpb", "path"}     where the best are kept
//   {"event": "prequential", "step", "bits", "bytes", "bpb", "whole_pass"}    at the end; see
//   prequential.h
// A run that was killed and resumed has the steps since its last checkpoint twice. Lines before a
// "resume" with a greater "step" than its own are of work that was lost.
#ifndef OCCAM_TRAIN_RUN_LOG_H_
#define OCCAM_TRAIN_RUN_LOG_H_

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "train/observer.h"

namespace occam {

// "wiki-3M.h5" -> "wiki-3M.log.jsonl".
std::string RunLogPath(const std::string& checkpoint_path);

class RunLog final : public TrainingObserver {
 public:
  // kStart replaces an older log; kResume appends to it, after cutting off a last line that is not
  // whole.
  enum class Mode { kStart, kResume };

  // `facts` (name, text) go into the first line. Of the steps, every `every`-th and the last are
  // logged, with the mean loss since the one before; each line is flushed. Throws kIo, as do the
  // others.
  RunLog(const std::string& path, Mode mode, int64_t step,
         const std::vector<std::pair<std::string, std::string>>& facts, int64_t every = 10);

  void OnStep(const StepReport& report) override;
  void OnRounding(int64_t step) override;
  void OnValidation(const ValidationReport& report) override;
  void OnCheckpoint(int64_t step, const std::string& path) override;
  void OnBest(const ValidationReport& report, const std::string& path) override;
  void OnPrequential(const PrequentialReport& report) override;

 private:
  void WriteLine(const std::string& line);

  std::string path_;
  std::ofstream file_;
  int64_t every_;
  double loss_sum_ = 0;
  int64_t loss_count_ = 0;
};

}  // namespace occam

#endif  // OCCAM_TRAIN_RUN_LOG_H_
