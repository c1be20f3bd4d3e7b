// One HDF5 file with everything that training is (docs/architecture.md): readable with h5ls and
// h5py, checked by a digest before libhdf5 sees it, replaced atomically.
//
//   user block, 512 bytes   magic "OCCAMCKP", uint32 format version, uint32 zero, uint64 length
//                           and SHA-256 of the HDF5 data that follow, zeros; little-endian
//   /config                 attributes: every field of ModelConfig, int32
//   /config                 of a memory also memory_rules int32 [3 rules]: kind, count and bits of
//                           each, memory_width and memory_gate
//   /config                 of signals also signal_rules int32 [rules], record_width, record_height
//                           and residual; of lattices also signal_qualities int32 [lattices]; of
//                           kinds also signal_kinds int32 [kinds]
//   /weights/NAME           float32 [rows, columns], or [columns] where there is one row, by the
//                           names of ParameterTable
//   /memory                 float32 [memory_rows, memory_width]; absent without a memory
//   /calibration            key_maxima, value_maxima: float32 [layers, kv_heads]; absent where
//                           empty
//   /tokenizer              the serialised tokenizer, uint8 [bytes]
//   /training               optional: groups counters (int64), numbers (float64) and texts with
//                           attributes; lists/NAME float64 [n]; arrays/NAME float32 [n];
//                           tensors/NAME/ as /weights/, in
//                           format version 2 without the tensors that are zeros throughout
//   /provenance             texts as attributes; validation_curve float64 [points, 2]: bytes seen,
//                           bits per byte; of a mixture also sources/<00, 01, ...>/ with the
//                           attributes and the curve of each source
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
#include <span>
#include <string>
#include <vector>

#include "data/base/file.h"
#include "data/base/memory.h"
#include "data/training_source.h"
#include "model/calibration.h"
#include "model/config.h"
#include "model/memory_rows.h"
#include "model/parameters.h"

namespace occam {

// The state that the trainer needs to go on as if it had never stopped. The trainer gives the names
// their meaning.
struct TrainingState {
  std::map<std::string, int64_t> counters;      // step, bytes seen, seed, ...
  std::map<std::string, double> numbers;        // learning rates, elapsed seconds, ...
  std::map<std::string, std::string> texts;     // digests, flags
  std::map<std::string, ParameterSet> tensors;  // optimizer moments, averaged weights
  std::map<std::string, std::vector<double>> lists;
  std::map<std::string, std::vector<float>> arrays = {};
};

struct ValidationPoint {
  double bytes_seen = 0;
  double bits_per_byte = 0;
};

using ValidationCurve = std::vector<ValidationPoint>;

// The story of how the weights came to be.
struct Provenance {
  std::string command_line = {};
  std::string code_version = {};
  std::string data_name = {};    // DataName and DataDigest of the sources
  std::string data_sha256 = {};  // (data/training_source.h)
  // The sources without tokens; none where the data is unknown. A plain corpus, the only source
  // without a name, stands in the attributes of /provenance itself, where a mixture has zeros.
  std::vector<TrainingSource> sources = {};
  ValidationCurve validation_curve = {};
  std::map<std::string, ValidationCurve> source_curves = {};  // of a mixture, by names
};

struct Checkpoint {
  ModelConfig config;
  ParameterSet weights;
  Calibration calibration;
  Bytes tokenizer;
  std::optional<TrainingState> training;  // absent in a released model
  Provenance provenance;
  MemoryRows memory = {};
};

// Throws kIo; kInternal for what LoadCheckpoint would refuse (a value that is not finite: the
// message names the tensor). On any failure an existing file under `path` stays as it was. As
// libhdf5 is not thread-safe, one thread at a time saves or loads.
void SaveCheckpoint(const std::string& path, const Checkpoint& checkpoint);

// Throws kIo (missing, unreadable), kDamaged (not a checkpoint, damaged, a tensor of the wrong
// shape, a value that is not finite: the message names the tensor).
Checkpoint LoadCheckpoint(const std::string& path);
// Does the same with the bytes of a file that messages call `name`. What its contents take is
// counted before anything is allocated for them (kMemory).
Checkpoint LoadCheckpoint(std::span<const uint8_t> file, const std::string& name,
                          uint64_t memory_bytes = kAnyMemory);

// Returns whether the bytes start as a checkpoint does.
bool IsCheckpoint(std::span<const uint8_t> file);

}  // namespace occam

#endif  // OCCAM_MODEL_CHECKPOINT_CHECKPOINT_H_
