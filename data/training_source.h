// A source of training data: what of which corpus a run trains and validates on, and how much of
// its time it spends there. The command reads it, the trainer learns from it, a checkpoint records
// it.
#ifndef OCCAM_DATA_TRAINING_SOURCE_H_
#define OCCAM_DATA_TRAINING_SOURCE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/base/units.h"

namespace occam {

struct TrainingSource {
  std::string name = {};          // in reports and records; empty: the only one, and a plain corpus
  std::string data_name = {};     // of the corpus, as it was asked for
  double share = 1;               // of the sequences; only its ratio to the others' counts
  int64_t record_bytes = 1;       // what must not be cut; 1: the bytes are one stream
  int32_t kind = 0;               // of its contexts (ModelConfig::kinds)
  ByteRange train = {};           // within the corpus
  ByteRange validation = {};      // within the corpus; empty: it is not validated on
  std::string train_sha256 = {};  // of the training bytes

  // The two parts in the tokens of the model; a record has none. Where there are records, a token
  // is a byte.
  std::vector<int32_t> train_tokens = {};
  std::vector<int32_t> validation_tokens = {};
};

// Returns whether they are a mixture, of one source or more: each then has a name.
bool IsMixture(std::span<const TrainingSource> sources);

// Replaces shares in any proportion by those of MixtureQuotas (data/mixture.h), which sum to 1. A
// second call changes nothing. Throws kUsage as MixtureQuotas.
void SetShares(std::vector<TrainingSource>* sources);

// Returns the sources without their tokens, for a record.
std::vector<TrainingSource> WithoutTokens(std::span<const TrainingSource> sources);

// Return the name and the digest of all data. A plain corpus has its own; a mixture has a text that
// names its sources, and the SHA-256 of one with their shares and digests. After SetShares.
std::string DataName(std::span<const TrainingSource> sources);
std::string DataDigest(std::span<const TrainingSource> sources);

}  // namespace occam

#endif  // OCCAM_DATA_TRAINING_SOURCE_H_
