// The expert of older files (step_expert.h has today's): an adaptive model of bytes that learns
// from the segment alone, and beside a network from what this says, too. It computes in integers
// alone, the same on every machine.
//
// A byte is eight binary decisions, most significant bit first. Each has many predictions:
//   - contexts of the bytes so far (sequence.h) have bit histories (bit_history.h), and each kind
//   of
//     context has learned what follows each history;
//   - strings that came before let expect a byte (string_follower.h);
//   - bits of the rows above, where there are records, are contexts, too;
//   - a network.
// Each gives a mixer several inputs: the prediction as a logistic number, and its distance from one
// half, which is small where nothing is known. Several sets of weights mix them at once, each
// chosen by another context, and a last set mixes their results (Mahoney, 2005, "Adaptive weighing
// of context models for lossless data compression"; the two layers are those of PAQ8 as "Data
// Compression Explained", section 4.3, tells them). The result is refined by what came after such
// results in two contexts (secondary symbol estimation).
#ifndef OCCAM_CODER_PREDICT_EXPERT_EXPERT_H_
#define OCCAM_CODER_PREDICT_EXPERT_EXPERT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coder/entropy/bit_model.h"
#include "coder/predict/expert/history_table.h"
#include "coder/predict/expert/mixer_kernels.h"
#include "coder/predict/expert/sequence.h"
#include "coder/predict/expert/string_follower.h"

namespace occam {

// The differences between segments of at most 2^24 bytes and long ones. Tables grow with a
// segment's bytes up to these bounds.
struct ExpertForm {
  int most_slot_bits;
  int hash_bits;        // of a context: 32 or 64
  int most_place_bits;  // of the followers
  int least_rate;       // of the first weights, out of 128, which it falls to
};
// Mode adaptive: 2^23 slots take 128 MiB. On 2 MB of text 2^22 cost 0.6 % more than 2^24.
constexpr ExpertForm kUsualExpert = {23, 32, 22, 12};
// Mode long: 1 GiB of slots, and 32 bits for a place among 32 lanes of 2^27 bytes in all.
constexpr ExpertForm kLongExpert = {26, 64, 26, 3};

class Expert {
 public:
  // An expert with a network needs its logits in Predict.
  Expert(bool with_network, const MixerKernels& kernels, const ExpertForm& form = kUsualExpert);

  // The most that it takes for a segment of so many bytes, its bytes included.
  static uint64_t MemoryBytes(uint64_t bytes, const ExpertForm& form = kUsualExpert);

  // Forgets everything, for a segment of so many bytes in all lanes.
  void Start(int lanes, uint64_t bytes);

  // Called for each byte of a lane: StartByte, then Predict and Learn for each of its eight bits.
  void StartByte(int lane);
  // The probability of a 1, out of 65536, in [1, 65535]. `network_logit` (kLogitOne is 1.0) is
  // clamped to kMaxLogit; it is not used without a network.
  int32_t Predict(int network_logit = 0);
  void Learn(bool bit);

  // Evidence for a byte: the network's, that of strings, of words and of all other contexts. It is
  // the surest prediction of each for the bits that came, kLogitOne being 1.0.
  using Evidence = std::array<int64_t, 4>;
  // Adds what the bit `bit` would be worth; to be called between Predict and Learn.
  void AddEvidence(bool bit, Evidence* evidence) const;
  // The probability of a 1 by the network alone, as Predict tells the mixture's.
  int32_t NetworkAlone() const;

 private:
  static constexpr size_t kContexts = Sequence::kContexts;
  static constexpr size_t kPlanes = Sequence::kPlanes;
  static constexpr size_t kFollowers = 2;
  // The places of the predictions among the inputs: three for each history, two for each follower
  // and for the network, and a constant.
  static constexpr size_t kPlaneInput = 3 * kContexts;
  static constexpr size_t kFollowerInput = kPlaneInput + 3 * kPlanes;
  static constexpr size_t kNetworkInput = kFollowerInput + 2 * kFollowers;
  static constexpr size_t kConstantInput = kNetworkInput + 2;
  static constexpr size_t kInputs = (kConstantInput + 1 + kMixerStep - 1) / kMixerStep * kMixerStep;
  static constexpr size_t kSets = 5;  // of weights that are at work for a bit
  static constexpr size_t kEstimates = 2;
  static constexpr size_t kPoints = 25;

  // The cells of what came after each history.
  using HistoryCells = std::array<uint32_t, BitHistories::kCount>;

  void FindSlots(uint32_t upper_half);
  uint64_t SlotHash(uint64_t context_hash, uint32_t upper_half) const;
  // Finds what the next bit needs of large tables, and brings it into the cache.
  void StartBit();
  // The steps of Predict, in their order.
  void PredictByHistory(uint8_t history, const HistoryCells& cells, int16_t* inputs) const;
  void PredictByFollowers();
  void PredictByNetwork(int logit);
  void ChooseWeights(size_t contexts_seen);
  int Mix();
  int32_t Refine(int logit);
  // The steps of Learn.
  void LearnWeights(bool bit);
  void LearnEstimates(bool bit);
  void EndByte();

  const bool with_network_;
  const MixerKernels& kernels_;
  const ExpertForm form_;

  HistoryTable table_;
  std::array<HistoryCells, kContexts> cells_;
  std::array<std::vector<uint8_t>, kPlanes> planes_;  // histories
  std::array<HistoryCells, kPlanes> plane_cells_;
  LastFollowers last_followers_;
  std::array<StringFollower, kFollowers> strings_;  // after long strings, and after short ones
  std::array<std::vector<int16_t>, kSets> weights_;
  std::vector<int32_t> last_weights_;                        // [selector][kSets]
  std::array<std::vector<uint16_t>, kEstimates> estimates_;  // [row][kPoints]
  std::vector<Sequence> lanes_;
  std::vector<std::span<const uint8_t>> bytes_;  // of all lanes
  std::vector<uint32_t> misses_;  // of each lane: whether the last bytes were not expected

  // The byte at work.
  size_t lane_ = 0;
  uint32_t node_ = 1;  // a one, then its bits so far
  std::array<uint64_t, kContexts> hashes_{};
  std::array<HistoryTable::Slot*, kContexts> slots_{};
  // The bit at work.
  size_t cell_ = 0;  // in a slot
  int depth_ = 0;    // bits of the byte that are known
  std::array<uint8_t*, kPlanes> plane_histories_{};
  alignas(64) std::array<int16_t, kInputs> inputs_{};
  std::array<int, kFollowers> expected_bits_{};
  std::array<int16_t*, kSets> sets_{};
  std::array<int32_t, kSets> logits_{};
  int32_t* last_set_ = nullptr;
  int32_t mixed_ = 0;
  std::array<uint16_t*, kEstimates> rows_{};
  std::array<uint16_t*, kEstimates> points_{};  // these and the next are nearest
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_EXPERT_H_
