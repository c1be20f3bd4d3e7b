// One HDF5 file with everything that training is (docs/architecture.md): readable with h5ls and
// h5py, checked by a digest before libhdf5 sees it, replaced atomically.
//
//   user block, 512 bytes   magic "OCCAMCKP", uint32 format version, uint32 zero, uint64 length
//                           and SHA-256 of the HDF5 data that follow, zeros; little-endian
//   /config                 attributes: every field of ModelConfig, int32
//   /weights/<name>         float32 [rows, columns], or [columns] where there is one row, by the
//                           names of ParameterTable
//   /calibration            key_maxima, value_maxima: float32 [layers, kv_heads]; absent where
//                           empty
//   /tokenizer              the serialised tokenizer, uint8 [bytes]
//   /training               optional: groups counters (int64), numbers (float64) and texts with
//                           attributes; lists/<name> float64 [n]; tensors/<name>/ as /weights/, in
//                           format version 2 without the tensors that are zeros throughout
//   /provenance             texts as attributes; validation_curve float64 [points, 2]: bytes seen,
//                           bits per byte; of a mixture also sources/<00, 01, ...>/ with the
//                           attributes and the curve of SourceProvenance
//
// Format version 2 is written where there is a training state, 1 where there is none; both are
// read, also 1 with a training state, all tensors in it, as programs before 2 wrote it.
//
// Texts are strings of fixed length, or uint8 [bytes] where they hold a NUL. The same contents give
// the same bytes: nothing depends on the clock.
#ifndef OCCAM_MODEL_CHECKPOINT_CHECKPOINT_H_
#define OCCAM_MODEL_CHECKPOINT_CHECKPOINT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/base/file.h"
#include "model/calibration.h"
#include "model/config.h"
#include "model/parameters.h"

namespace occam {

// What the trainer needs to go on as if it had never stopped. The trainer gives the names their
// meaning.
struct TrainingState {
  std::map<std::string, int64_t> counters;      // step, bytes seen, seed, ...
  std::map<std::string, double> numbers;        // learning rates, elapsed seconds, ...
  std::map<std::string, std::string> texts;     // digests, flags
  std::map<std::string, ParameterSet> tensors;  // optimizer moments, averaged weights
  std::map<std::string, std::vector<double>> lists;
};

struct ValidationPoint {
  double bytes_seen = 0;
  double bits_per_byte = 0;
};

// Of one source of a mixture.
struct SourceProvenance {
  std::string name;
  std::string data_name;
  double share = 0;  // of the sequences
  int64_t record_bytes = 1;
  int64_t train_begin = 0;  // as those of Provenance
  int64_t train_end = 0;
  int64_t validation_begin = 0;
  int64_t validation_end = 0;
  std::string data_sha256;
  std::vector<ValidationPoint> validation_curve;
};

// Of a mixture, data_sha256 is of the text that names its sources, their shares and digests; the
// ranges are 0:0.
struct Provenance {
  std::string command_line;
  std::string code_version;
  std::string data_name;
  int64_t train_begin = 0;  // the training bytes within that data
  int64_t train_end = 0;
  std::string data_sha256;  // of the training bytes
  std::vector<ValidationPoint> validation_curve;
  int64_t validation_begin = 0;  // the validation bytes within that data; 0:0: unknown
  int64_t validation_end = 0;
  std::vector<SourceProvenance> sources = {};  // of a mixture; else empty
};

struct Checkpoint {
  ModelConfig config;
  ParameterSet weights;
  Calibration calibration;
  Bytes tokenizer;
  std::optional<TrainingState> training;  // absent in a released model
  Provenance provenance;
};

// Throws kIo; kInternal for what LoadCheckpoint would refuse (a value that is not finite: the
// message names the tensor). On any failure an existing file under `path` stays as it was. As
// libhdf5 is not thread-safe, one thread at a time saves or loads.
void SaveCheckpoint(const std::string& path, const Checkpoint& checkpoint);

// Throws kIo (missing, unreadable), kDamaged (not a checkpoint, damaged, a tensor of the wrong
// shape, a value that is not finite: the message names the tensor).
Checkpoint LoadCheckpoint(const std::string& path);

// Whether the file starts as a checkpoint does. Throws kIo.
bool IsCheckpoint(const std::string& path);

}  // namespace occam

#endif  // OCCAM_MODEL_CHECKPOINT_CHECKPOINT_H_
