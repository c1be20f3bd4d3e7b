// Training and validation batches. A batch is a pure function of (seed, step), and nothing is
// stored between steps. So resumed training sees what training never stopped would have seen, and
// threads may fill batches at once.
#ifndef OCCAM_DATA_BATCHER_H_
#define OCCAM_DATA_BATCHER_H_

#include <cstdint>
#include <span>
#include <vector>

namespace occam {

// A target that counts for nothing: padding of validation batches. Training batches have none.
constexpr int32_t kNoTarget = -1;

// B sequences of T tokens, row-major; inputs are the targets shifted by one.
struct Batch {
  std::vector<int32_t> inputs;   // [B, T], in [0, V]: V is the begin symbol, at column 0 only
  std::vector<int32_t> targets;  // [B, T], in [0, V), or kNoTarget (its input is then V)
};

// The sequences that begin with the begin symbol: every other one, or all, as where that symbol
// says more than that a context begins.
enum class Contexts : uint8_t { kHalfFresh, kAllFresh };

// Does not own the tokens, which must outlive it.
//
// The sequences of all steps form one stream. It goes through the tokens in passes. Each pass cuts
// them at a random offset into consecutive windows of T targets and takes these in a random order.
// So every pass sees every token once, but for less than 2 T at the ends, which other passes see.
// Sequences of even number in the stream (so every other one of a batch) start with the begin
// symbol. The others start with the token before their window, unless all are to be fresh; a window
// at token 0 has none, and starts with the begin symbol, too.
//
// Tokens may be records of equal length, such as the patches of photographs, one after the other.
// Then a pass is cut only where a record begins, or, if a record is longer than T, at multiples of
// T within records. All sequences start with the begin symbol, since what stands before a record
// says nothing of it.
class TrainingBatches {
 public:
  // `sequences` is B and `length` T, both at least 1; records of 1 token are no records. Throws
  // kUsage (fewer than T tokens; neither of T and the record is a multiple of the other; a last
  // record that is not whole).
  TrainingBatches(std::span<const int32_t> tokens, int32_t begin_symbol, int sequences, int length,
                  uint64_t seed, int64_t record_tokens = 1,
                  Contexts contexts = Contexts::kHalfFresh);

  // Reuses the memory of `batch`. step >= 0.
  void Fill(int64_t step, Batch* batch) const;

  // One sequence of the stream, number >= 0, into `inputs` [T] and `targets` [T].
  void FillSequence(int64_t number, std::span<int32_t> inputs, std::span<int32_t> targets) const;

  int64_t windows_per_pass() const { return windows_; }

 private:
  int64_t WindowStart(uint64_t number) const;

  std::span<const int32_t> tokens_;
  int32_t begin_symbol_;
  int sequences_;
  int length_;
  uint64_t seed_;
  int64_t record_tokens_;
  Contexts contexts_;
  int64_t windows_;
};

// Consecutive windows of T from the first token, all starting with the begin symbol, as the
// chunked codec codes them. All tokens count: the last window may be short and the last batch may
// have fewer windows; what is missing is padded with begin symbols and kNoTarget. Does not own the
// tokens.
class ValidationBatches {
 public:
  // No token at all is kUsage.
  ValidationBatches(std::span<const int32_t> tokens, int32_t begin_symbol, int sequences,
                    int length);

  int64_t count() const { return count_; }  // batches
  // Reuses the memory of `batch`. index in [0, count()).
  void Fill(int64_t index, Batch* batch) const;

 private:
  std::span<const int32_t> tokens_;
  int32_t begin_symbol_;
  int sequences_;
  int length_;
  int64_t count_;
};

}  // namespace occam

#endif  // OCCAM_DATA_BATCHER_H_
