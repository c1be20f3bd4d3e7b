// The expert of mode adaptive: what expert.h tells, for many threads.
//
// In a step every lane codes a byte. All bits of a step are predicted from what was known when it
// began, so lanes can be predicted side by side. What the bytes teach is applied once all lanes
// have theirs, table by table, and in each table in the order of lanes and bits. So neither the
// lanes' nor the tables' share of the threads shows in a result.
#ifndef OCCAM_CODER_PREDICT_EXPERT_STEP_EXPERT_H_
#define OCCAM_CODER_PREDICT_EXPERT_STEP_EXPERT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coder/entropy/bit_model.h"
#include "coder/predict/expert/history_cells.h"
#include "coder/predict/expert/history_table.h"
#include "coder/predict/expert/mixer_kernels.h"
#include "coder/predict/expert/step_sequence.h"
#include "coder/predict/expert/string_follower.h"
#include "data/base/large_pages.h"

namespace occam {

// The differences between modes adaptive and long. Tables grow with a segment's bytes up to these
// bounds.
struct StepForm {
  int most_slot_bits;
  int most_place_bits;  // of the followers
  // The rate of the first weights, out of 1024, which it falls to.
  int least_rate;
  int least_rate_beside_network;
};
// 2^23 slots take 128 MiB. On 2 MB of text 2^22 cost 0.6 % more than 2^24.
constexpr StepForm kAdaptiveForm = {23, 22, 48, 10};
// 1 GiB of slots, and 32 bits for a place among 32 lanes of 2^27 bytes in all.
constexpr StepForm kLongForm = {26, 26, 12, 3};

// Inputs fill whole vectors of the mixer.
constexpr size_t PaddedInputs(size_t inputs) {
  return (inputs + kMixerStep - 1) / kMixerStep * kMixerStep;
}

class StepExpert {
 public:
  // An expert with a network needs its logits in Predict.
  StepExpert(bool with_network, const MixerKernels& kernels, const StepForm& form = kAdaptiveForm);

  // The most that it takes for a segment of so many bytes, its bytes included.
  static uint64_t MemoryBytes(uint64_t bytes, const StepForm& form = kAdaptiveForm);

  // Forgets everything, for a segment of so many bytes in all lanes, those of a dictionary before
  // them included.
  void Start(int lanes, uint64_t bytes);

  // One of the same form that has seen nothing, not even a Start.
  StepExpert Fresh() const { return {with_network_, kernels_, form_}; }
  // Learns all that another of the same form has learned, between two steps.
  void CopyFrom(const StepExpert& other);

  // Evidence for a byte: the network's, that of strings, of words and of all other contexts. It is
  // the surest prediction of each for the bits that came, kLogitOne being 1.0.
  using Evidence = std::array<int64_t, 4>;

  class Lane;
  Lane& lane(size_t i);

  // Shares what is to be learned out to so many workers.
  void SetWorkers(size_t workers) {
    if (workers != plan_.size()) Plan(workers);
  }
  // Learns a step, in which the first `lanes` lanes have each coded a byte. Each worker, in a
  // thread of its own, learns its part once all lanes are coded. When all have done so, one of
  // them calls EndStep.
  void LearnPart(size_t lanes, size_t worker);
  // Returns whether EndStep has anything to do.
  bool MustEndStep() const { return must_grow_; }
  void EndStep();
  // Does all of it, by one thread.
  void LearnStep(size_t lanes) {
    SetWorkers(1);
    LearnPart(lanes, 0);
    EndStep();
  }

 private:
  using Contexts = StepSequence::Contexts;
  static constexpr size_t kContexts = StepSequence::kContexts;
  static constexpr size_t kNumbers = StepSequence::kNumbers;
  static constexpr size_t kPlanes = StepSequence::kPlanes;
  static constexpr size_t kFollowers = 2;
  // The places of the predictions among the inputs: three for each history, two for each follower
  // and for the network, and a constant; then five for each plane.
  static constexpr size_t kFollowerInput = HistoryCells::kInputs * kContexts;
  static constexpr size_t kNetworkInput = kFollowerInput + 2 * kFollowers;
  static constexpr size_t kConstantInput = kNetworkInput + 2;
  static constexpr size_t kPlaneInput = kConstantInput + 1;
  static constexpr size_t kOfPlane = HistoryCells::kInputs + 2;
  static constexpr size_t kInputs = PaddedInputs(kPlaneInput + kOfPlane * kPlanes);
  static constexpr size_t InputsOf(LaneKind kind) {  // the first ones
    return kind == LaneKind::kBitmap
               ? kInputs
               : PaddedInputs(kPlaneInput + kOfPlane * StepSequence::kFewPlanes);
  }
  static constexpr size_t kSets = 8;  // of weights that are at work for a bit
  static constexpr size_t kLastMixers = 2;
  static constexpr size_t kEstimates = 3;  // of text the first two
  static constexpr size_t EstimatesOf(LaneKind kind) {
    return kind == LaneKind::kText ? kEstimates - 1 : kEstimates;
  }
  static constexpr size_t kPoints = 25;

  // The knowledge of a context of a plane.
  struct PlaneEntry {
    uint32_t cell = WideCell::kFresh;
    uint8_t history = 0;
  };

  // The bits of a byte as they were predicted: what learning needs to know. What a table needs of a
  // byte lies together, since its thread gets it from that of the lane.
  template <typename T, size_t kCount>
  using OfBits = std::array<std::array<T, 8>, kCount>;
  struct Predicted {
    OfBits<uint8_t, kContexts> histories;
    OfBits<uint8_t, kPlanes> plane_histories;
    OfBits<uint32_t, kPlanes> planes;  // places in them
    OfBits<uint32_t, kSets> sets;      // which ones
    OfBits<int32_t, kSets> logits;     // by each
    OfBits<uint32_t, kLastMixers> last_sets;
    OfBits<int32_t, kLastMixers> last_mixed;
    OfBits<uint32_t, kEstimates> points;  // the first of two
    alignas(64) std::array<std::array<int16_t, kInputs>, 8> inputs;
  };

  void PrefetchSet(size_t set, size_t i) const {
    const int16_t* const weights = &weights_[set][i * kInputs];
    for (size_t j = 0; j < kInputs; j += kMixerStep) __builtin_prefetch(weights + j);
  }
  // The items that workers learn: kinds of tables, and which of them.
  enum class Table : uint8_t {
    kSet,
    kStrings,
    kSlots,
    kCells,
    kEstimate,
    kPlane,
    kLastSets,
    kRest
  };
  struct Item {
    Table table;
    uint8_t first;
    uint8_t end;  // of cells
  };
  // Shares all items out to so many workers, so that each has about as much to do.
  void Plan(size_t workers);
  // Calls job(lane, depth, is_one) for all bits of a step in their order.
  template <typename Job>
  void ForEachBit(size_t lanes, Job job);
  // The lessons of a step for each table. Parts of the table of slots learn apart.
  void LearnSlots(size_t lanes, size_t part, size_t parts);
  void LearnCells(size_t lanes, size_t first, size_t end);
  void LearnPlane(size_t lanes, size_t plane);
  void LearnSet(size_t lanes, size_t set);
  void LearnLastSets(size_t lanes, size_t mixer);
  void LearnEstimate(size_t lanes, size_t estimate);
  void LearnStrings(size_t lanes, size_t follower);
  void LearnRest(size_t lanes);

  const bool with_network_;
  const MixerKernels& kernels_;
  const StepForm form_;

  HistoryTable table_;
  std::array<HistoryCells, kNumbers> cells_;
  int plane_bits_ = 0;
  // Planes are there once a lane needs them.
  size_t planes_ = 0;
  using Plane = std::vector<PlaneEntry, LargePageAllocator<PlaneEntry>>;
  std::array<Plane, kPlanes> plane_tables_;
  std::array<HistoryCells, kPlanes> plane_cells_;
  LastFollowers last_followers_;
  std::array<StringFollower, kFollowers> strings_;  // after long strings, and after short ones
  using Weights = std::vector<int16_t, LargePageAllocator<int16_t>>;
  std::array<Weights, kSets> weights_;                          // [selector][kInputs]
  std::array<std::vector<uint16_t>, kSets> uses_;               // how often each has learned
  std::array<std::vector<int32_t>, kLastMixers> last_weights_;  // [selector][kSets]
  using Estimate = std::vector<uint32_t, LargePageAllocator<uint32_t>>;
  std::array<Estimate, kEstimates> estimates_;  // [row][kPoints]
  std::vector<Lane> lanes_;
  std::vector<std::span<const uint8_t>> bytes_;  // of all lanes, without this step
  std::vector<std::span<const uint8_t>> grown_;  // with it
  bool must_grow_ = false;               // some lane has no room for the next byte, or no plane
  std::vector<std::vector<Item>> plan_;  // of each worker
};

// One lane, and the byte at work in it. Lanes may be at work in threads of their own.
class StepExpert::Lane {
 public:
  using Evidence = StepExpert::Evidence;

  Lane(StepExpert& expert, size_t number) : expert_(&expert), number_(number) {}

  // Called for each byte: StartByte, then Predict and Learn for each of its eight bits.
  void StartByte(int lane = 0);
  // Does before StartByte what it does first: it asks for memory that takes long to come.
  void Prefetch();
  // The probability of a 1, out of 65536, in [1, 65535]. `network_logit` (kLogitOne is 1.0) is
  // clamped to kMaxLogit; it is not used without a network.
  int32_t Predict(int network_logit = 0);
  // Takes the bit; LearnStep learns from it.
  void Learn(bool bit);

  // Adds what the bit `bit` would be worth; to be called between Predict and Learn.
  void AddEvidence(bool bit, Evidence* evidence) const;
  // The probability of a 1 by the network alone, as Predict tells the mixture's.
  int32_t NetworkAlone() const;
  // The kind of data that its last bytes look like.
  LaneKind kind() const { return sequence_.kind(); }

 private:
  friend StepExpert;

  void FindSlots(size_t half);
  // The errors of a context, a plane and the mixture for the byte.
  StepSequence::Errors ErrorsOfByte() const;
  // Finds what the next bit needs of large tables, and brings it into the cache.
  void StartBit();
  // The steps of Predict, in their order.
  void PredictByPlane(size_t plane);
  void PredictByFollowers(int16_t* inputs) const;
  void ChooseWeights(size_t contexts_seen);
  int Mix();
  int32_t Refine(int logit);
  bool BitAt(size_t depth) const { return (byte_ >> (7 - depth) & 1) != 0; }

  StepExpert* expert_;
  size_t number_;
  StepSequence sequence_;
  uint32_t misses_ = 0;  // whether the last bytes were not expected

  bool prefetched_ = false;
  uint64_t past_before_ = 0;  // the byte at work
  uint8_t byte_ = 0;
  uint32_t node_ = 1;  // a one, then its bits so far
  size_t depth_ = 0;   // bits of the byte that are known
  LaneKind kind_ = LaneKind::kText;
  Contexts contexts_;
  std::array<std::array<uint64_t, kContexts>, 2> slot_hashes_{};  // of its halves
  std::array<const HistoryTable::Slot*, kContexts> slots_{};
  std::array<int, kFollowers> expected_bits_{};
  std::array<uint32_t, kEstimates> rows_{};
  StepSequence::Templates templates_;
  Predicted predicted_{};  // inputs behind the last one stay zeros
};

inline StepExpert::Lane& StepExpert::lane(size_t i) { return lanes_[i]; }

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_STEP_EXPERT_H_
