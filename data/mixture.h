// Training batches from several sources at once: text, images, sound, each with its share.
#ifndef OCCAM_DATA_MIXTURE_H_
#define OCCAM_DATA_MIXTURE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "data/batcher.h"
#include "data/training_source.h"

namespace occam {

// Shares are multiples of one in kMixtureCycle: of so many consecutive sequences a source has a
// whole number, as even as can be. Their order never changes. Every stretch of it has of each
// source what its share asks for, but for less than a few sequences. So batches are alike, and a
// batch is a pure function of (seed, step), as it is with one source.
constexpr int64_t kMixtureCycle = 1024;

// Each source is gone through by batches of its own (TrainingBatches), in passes of its own; the
// k-th sequence that is its turn is the k-th of its stream. The first source has the seed itself:
// the batches of a single one are those of TrainingBatches. Does not own the tokens. Immutable.
class MixedBatches {
 public:
  // Makes batches of the training tokens. The begin symbol of a source is `begin_symbol` and its
  // kind; with `contexts` all fresh, each sequence begins with it. Throws as TrainingBatches;
  // kUsage (no source, a share that is not positive or rounds to none).
  MixedBatches(std::span<const TrainingSource> sources, int32_t begin_symbol, int sequences,
               int length, uint64_t seed, Contexts contexts = Contexts::kHalfFresh);

  // Reuses the memory of `batch`. step >= 0.
  void Fill(int64_t step, Batch* batch) const;

  size_t size() const { return sources_.size(); }
  const TrainingBatches& source(size_t index) const { return sources_[index].batches; }
  double share(size_t index) const;  // they sum to 1
  // Returns how many of the first `sequences` sequences of all are of this source.
  int64_t SequencesOf(size_t index, int64_t sequences) const;

 private:
  struct Source {
    TrainingBatches batches;
    int64_t quota;  // of kMixtureCycle
  };
  struct Turn {
    size_t source;
    int64_t number;  // of the turns of this source before this one in the cycle
  };

  int sequences_;
  int length_;
  std::vector<Source> sources_;
  std::vector<Turn> turns_;  // [kMixtureCycle]
};

// The quotas of kMixtureCycle for shares in this proportion, by largest remainders. Throws kUsage
// as above.
std::vector<int64_t> MixtureQuotas(std::span<const double> shares);

}  // namespace occam

#endif  // OCCAM_DATA_MIXTURE_H_
