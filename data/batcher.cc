#include "data/batcher.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/random.h"

namespace occam {
namespace {

// Sets the batches' random numbers apart from others that are drawn by the same seed.
constexpr uint64_t kSeedMark = 0x6f6363616d626174;

// Streams of Random that belong to a pass: its offset, and the rounds of its permutation.
constexpr uint64_t kStreamsPerPass = 2;
constexpr int kFeistelRounds = 6;

// Position `index` of a random permutation of [0, size), size >= 1, in constant memory: a balanced
// Feistel network (Luby and Rackoff, 1988) on the next even number of bits, walked until the value
// is below `size` (Black and Rogaway, 2002, "Ciphers with arbitrary finite domains", section 4),
// which takes at most 4 rounds of it on average.
uint64_t Permuted(uint64_t index, uint64_t size, uint64_t key) {
  const auto half_bits = std::max<uint64_t>(1, (std::bit_width(size - 1) + 1) / 2);
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  uint64_t value = index;
  do {
    uint64_t left = value >> half_bits;
    uint64_t right = value & mask;
    for (int round = 0; round < kFeistelRounds; ++round) {
      const uint64_t mixed = Random(key + static_cast<uint64_t>(round), right).Next();
      left = std::exchange(right, left ^ (mixed & mask));
    }
    value = (left << half_bits) | right;
  } while (value >= size);
  return value;
}

void Prepare(int sequences, int length, Batch* batch) {
  const size_t size = static_cast<size_t>(sequences) * static_cast<size_t>(length);
  batch->inputs.resize(size);
  batch->targets.resize(size);
}

void CheckShape(int sequences, int length) {
  if (sequences < 1 || length < 1) {
    throw UsageError(fmt::format("a batch of {} sequences of {} cannot be", sequences, length));
  }
}

}  // namespace

TrainingBatches::TrainingBatches(std::span<const int32_t> tokens, int32_t begin_symbol,
                                 int sequences, int length, uint64_t seed, int64_t record_tokens,
                                 Contexts contexts)
    : tokens_(tokens),
      begin_symbol_(begin_symbol),
      sequences_(sequences),
      length_(length),
      seed_(Random(seed ^ kSeedMark).Next()),
      record_tokens_(record_tokens),
      contexts_(record_tokens > 1 ? Contexts::kAllFresh : contexts) {
  CheckShape(sequences, length);
  const auto size = static_cast<int64_t>(tokens.size());
  if (size < length) {
    throw UsageError(fmt::format(
        "the training data has {} tokens, a sequence needs {}; give more data or a shorter context",
        size, length));
  }
  if (length % record_tokens != 0 && record_tokens % length != 0) {
    throw UsageError(fmt::format(
        "contexts of {} tokens do not fit records of {}: one must be a multiple of the other",
        length, record_tokens));
  }
  if (size % record_tokens != 0) {
    throw UsageError(
        fmt::format("{} tokens are no whole number of records of {}", size, record_tokens));
  }
  // One window fewer than fit leaves room to move the cut by more than a window. Records as long as
  // a window leave nothing to move.
  const bool is_fixed = record_tokens > 1 && record_tokens >= length;
  windows_ = is_fixed ? size / length : std::max<int64_t>(1, size / length - 1);
}

int64_t TrainingBatches::WindowStart(uint64_t number) const {
  const auto windows = static_cast<uint64_t>(windows_);
  const uint64_t pass = number / windows;
  Random offsets(seed_, pass * kStreamsPerPass);
  const auto slack = static_cast<int64_t>(tokens_.size()) - windows_ * length_;
  const int64_t unit = std::min<int64_t>(record_tokens_, length_);
  const auto offset = static_cast<int64_t>(offsets.Below(static_cast<uint64_t>(slack / unit) + 1));
  const uint64_t key = Random(seed_, pass * kStreamsPerPass + 1).Next();
  return offset * unit + static_cast<int64_t>(Permuted(number % windows, windows, key)) * length_;
}

void TrainingBatches::FillSequence(int64_t number, std::span<int32_t> inputs,
                                   std::span<int32_t> targets) const {
  const int64_t start = WindowStart(static_cast<uint64_t>(number));
  const auto window = tokens_.begin() + start;
  const bool fresh = number % 2 == 0 || start == 0 || contexts_ == Contexts::kAllFresh;
  inputs[0] = fresh ? begin_symbol_ : *(window - 1);
  std::copy(window, window + length_ - 1, inputs.begin() + 1);
  std::copy(window, window + length_, targets.begin());
}

void TrainingBatches::Fill(int64_t step, Batch* batch) const {
  Prepare(sequences_, length_, batch);
  const auto length = static_cast<size_t>(length_);
  for (int b = 0; b < sequences_; ++b) {
    const size_t first = static_cast<size_t>(b) * length;
    FillSequence(step * sequences_ + b, std::span(batch->inputs).subspan(first, length),
                 std::span(batch->targets).subspan(first, length));
  }
}

ValidationBatches::ValidationBatches(std::span<const int32_t> tokens, int32_t begin_symbol,
                                     int sequences, int length)
    : tokens_(tokens), begin_symbol_(begin_symbol), sequences_(sequences), length_(length) {
  CheckShape(sequences, length);
  if (tokens.empty()) throw UsageError("there is no validation data");
  const int64_t per_batch = int64_t{sequences} * length;
  count_ = (static_cast<int64_t>(tokens.size()) + per_batch - 1) / per_batch;
}

void ValidationBatches::Fill(int64_t index, Batch* batch) const {
  Prepare(sequences_, length_, batch);
  std::fill(batch->inputs.begin(), batch->inputs.end(), begin_symbol_);
  std::fill(batch->targets.begin(), batch->targets.end(), kNoTarget);
  const size_t first = static_cast<size_t>(index) * batch->targets.size();
  const size_t size = std::min(batch->targets.size(), tokens_.size() - first);
  const auto part = tokens_.subspan(first, size);
  std::copy(part.begin(), part.end(), batch->targets.begin());
  for (size_t i = 1; i < size; ++i) {
    if (i % static_cast<size_t>(length_) != 0) batch->inputs[i] = part[i - 1];
  }
}

}  // namespace occam
