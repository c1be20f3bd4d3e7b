#include "tools/commands/train/training_files.h"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "coder/weights/model_codec.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/file_plan.h"
#include "data/base/format.h"
#include "data/base/units.h"
#include "data/file_list.h"
#include "model/checkpoint/checkpoint.h"
#include "model/quantize.h"
#include "train/run_log.h"

namespace occam {
namespace {

std::string WithExtension(const std::string& path, const char* extension) {
  return std::filesystem::path(path).replace_extension(extension).string();
}

std::string LockPath(const std::string& out) { return WithExtension(out, ".train.lock"); }

struct RunFile {
  std::string path;
  std::string role;
};

// All that a run writes and leaves.
std::vector<RunFile> Written(const RunFiles& files) {
  std::vector<RunFile> written = {{files.out, "the checkpoint"},
                                  {ModelPath(files.out), "the model of the run"},
                                  {RunLogPath(files.out), "the log of the run"}};
  if (files.keeps_best) {
    const std::string best = BestPath(files.out);
    written.push_back({best, "the best checkpoint"});
    written.push_back({ModelPath(best), "the best model"});
  }
  return written;
}

// It need not be there.
void RemoveFile(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) throw IoError("cannot remove " + path + ": " + error.message());
}

QuantizedModel WriteModel(const Checkpoint& checkpoint, const std::string& path) {
  QuantizedModel model = Quantise(checkpoint.config, checkpoint.weights, checkpoint.calibration,
                                  checkpoint.tokenizer, checkpoint.memory);
  WriteFile(path, SerialiseModel(model));
  return model;
}

}  // namespace

std::string ModelPath(const std::string& checkpoint_path) {
  return WithExtension(checkpoint_path, ".occm");
}

std::string BestPath(const std::string& checkpoint_path) {
  return WithExtension(checkpoint_path, ".best.h5");
}

void CheckRunFiles(const RunFiles& files) {
  FilePlan plan;
  for (const std::string& path : files.reads) plan.Read(path, "what the run reads");
  for (const RunFile& file : Written(files)) plan.Write(file.path, file.role);
  plan.Write(LockPath(files.out), "the lock of the run");
}

void RefuseToReplace(const RunFiles& files) {
  std::vector<std::string> there;
  for (const RunFile& file : Written(files)) {
    if (FileExists(file.path)) there.push_back(file.path);
  }
  if (there.empty()) return;
  std::string others;
  for (size_t i = 1; i < there.size(); ++i) others += (i == 1 ? ", and so do " : ", ") + there[i];
  throw IoError(fmt::format("{} exists already{}: {}-f overwrites {}", there[0], others,
                            there[0] == files.out ? "--resume goes on with the run, " : "",
                            there.size() == 1 ? "it" : "them"));
}

std::unique_ptr<FileLock> LockRun(const std::string& out) {
  const std::string path = LockPath(out);
  auto lock = std::make_unique<FileLock>(path);
  if (lock->outcome() == FileLock::Outcome::kTaken) {
    throw IoError(
        fmt::format("another training{} writes {} (it holds {}); wait for its end or give "
                    "another --out",
                    lock->holder().empty() ? "" : ", " + lock->holder() + ",", out, path));
  }
  if (lock->outcome() == FileLock::Outcome::kUnsupported) {
    fmt::print(
        stderr,
        "occam: warning: the file system of {} has no locks; take care that no other training "
        "writes there\n",
        out);
  }
  return lock;
}

void ClearForRun(const std::string& out, const std::string& best_path, bool fresh) {
  const std::string best = BestPath(out);
  for (const std::string& path : {out, ModelPath(out), best, ModelPath(best)}) {
    RemoveLeftovers(path);
  }
  if (!fresh || best_path.empty()) return;
  RemoveFile(best_path);
  RemoveFile(ModelPath(best_path));
}

void WriteModels(const std::string& out, const std::string& best_path, bool quiet) {
  const QuantizedModel model = WriteModel(LoadCheckpoint(out), ModelPath(out));
  if (!quiet) {
    fmt::print("wrote {} and {} ({} bytes entropy-coded: what the model costs a compressed file)\n",
               out, ModelPath(out), EncodeModel(model).bytes.size());
  }
  // It is there unless nothing was validated.
  if (best_path.empty() || !std::filesystem::exists(best_path)) return;
  const Checkpoint best = LoadCheckpoint(best_path);
  WriteModel(best, ModelPath(best_path));
  if (quiet) return;
  const ValidationPoint& point = best.provenance.validation_curve.back();
  fmt::print("best: {:.4f} bpb after {} seen, kept in {} and {}\n", point.bits_per_byte,
             FormatBytes(point.bytes_seen), best_path, ModelPath(best_path));
}

}  // namespace occam
