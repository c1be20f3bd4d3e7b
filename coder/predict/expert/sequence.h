// The bytes so far of one lane as an expert knows them, and the contexts that it makes of them.
#ifndef OCCAM_CODER_PREDICT_EXPERT_SEQUENCE_H_
#define OCCAM_CODER_PREDICT_EXPERT_SEQUENCE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coder/predict/expert/expectation.h"
#include "coder/predict/expert/period_finder.h"

namespace occam {

class Sequence {
 public:
  static constexpr size_t kContexts = 30;
  static constexpr size_t kPlanes = 4;

  // Returns whether a context is one of words.
  static constexpr bool IsOfWords(size_t context) {
    return context >= kFirstOfWords && context < kFirstOfWords + kOfWords;
  }
  // Returns whether a context is one of what strings let expect; these are the last ones.
  static constexpr bool IsOfExpected(size_t context) { return context >= kContexts - kOfExpected; }
  static constexpr size_t kOfWords = 3;
  static constexpr size_t kOfExpected = 3;

  // Takes in a byte.
  void Add(uint8_t byte);

  // The hashes of the contexts of the next byte. Their upper bits are the better ones.
  void Hash(const LastFollowers& followers, const Expectation& expected,
            std::array<uint64_t, kContexts>* hashes) const;

  // The contexts of the next bit among the bits of the rows above, records being rows: an index
  // below 2^kPlaneBits for each plane. `node` is a one and then the `depth` bits of the byte.
  static constexpr int kPlaneBits = 20;
  std::array<uint32_t, kPlanes> PlaneContexts(uint32_t node, int depth) const;

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  uint64_t past() const { return past_; }  // the last eight bytes, the last one lowest
  // The place within a record, 0 where there are none.
  size_t column() const { return periods_.width() == 0 ? 0 : bytes_.size() % periods_.width(); }
  uint32_t word() const { return words_[0]; }

 private:
  static constexpr size_t kFirstOfWords = 7;

  // The byte at this distance, 1 for the last one; 0 before the first.
  uint32_t At(size_t distance) const {
    return distance - 1 < bytes_.size() ? bytes_[bytes_.size() - distance] : 0;
  }
  // The byte `distance` before the next one, and `more` before that; 0 where distance is 0.
  uint32_t Above(size_t distance, int more) const {
    return distance == 0 ? 0 : At(distance + static_cast<size_t>(more));
  }
  void ReadWord(uint8_t byte);
  void ReadForm(uint8_t byte);

  std::vector<uint8_t> bytes_;
  uint64_t past_ = 0;
  std::array<uint32_t, 3> words_{};  // hashes of the word so far, and of the two before it
  uint32_t form_ = 0;                // kinds of the last four tokens, see ReadForm
  size_t line_ = 0;                  // where this line begins
  size_t line_before_ = 0;
  PeriodFinder periods_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_SEQUENCE_H_
