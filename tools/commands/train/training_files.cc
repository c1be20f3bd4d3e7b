#include "tools/commands/train/training_files.h"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "coder/weights/model_codec.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/base/units.h"
#include "model/checkpoint/checkpoint.h"
#include "model/quantize.h"

namespace occam {
namespace {

std::string WithExtension(const std::string& path, const char* extension) {
  return std::filesystem::path(path).replace_extension(extension).string();
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

std::unique_ptr<FileLock> LockRun(const std::string& out) {
  const std::string path = WithExtension(out, ".train.lock");
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
