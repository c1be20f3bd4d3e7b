// The bytes so far of one lane as the expert of mode adaptive knows them, and the contexts that it
// makes of them.
#ifndef OCCAM_CODER_PREDICT_EXPERT_STEP_SEQUENCE_H_
#define OCCAM_CODER_PREDICT_EXPERT_STEP_SEQUENCE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coder/predict/expert/expectation.h"
#include "coder/predict/expert/period_finder.h"

namespace occam {

// The kind of data that a lane's last bytes look like. Each has contexts of its own.
enum class LaneKind : uint8_t { kText, kRecords, kBitmap };

class StepSequence {
 public:
  static constexpr size_t kCommon = 22;  // contexts that text and records have alike
  static constexpr size_t kOfText = 12;  // and those that each has beside
  static constexpr size_t kOfRecords = 13;
  static constexpr size_t kOfBitmaps = 3;
  static constexpr size_t kContexts = kCommon + std::max(kOfText, kOfRecords);
  static constexpr size_t kNumbers = kCommon + kOfText + kOfRecords + kOfBitmaps;  // of all
  static constexpr size_t kPlanes = 9;
  static constexpr size_t kFewPlanes = 3;  // those of records

  // Returns whether a context is one of words, by its number.
  static constexpr bool IsOfWords(size_t number) {
    return number == 7 || (number >= kCommon && number < kCommon + 4);
  }
  // Returns whether a context is one of what strings let expect.
  static constexpr bool IsOfExpected(size_t number) { return number >= 18 && number <= 20; }

  // The contexts of a byte: their hashes, whose upper bits are the better ones, and of each its
  // number in [0, kNumbers).
  struct Contexts {
    size_t count = 0;
    std::array<uint64_t, kContexts> hashes{};
    std::array<uint8_t, kContexts> numbers{};
  };

  // Takes in a byte.
  void Add(uint8_t byte);
  // Returns whether the next Add leaves the bytes where they are; after MakeRoom it does.
  bool HasRoom() const { return bytes_.size() < bytes_.capacity(); }
  void MakeRoom();
  // The errors of a context, a plane and the mixture for a byte: sums of probabilities out of
  // 65536. These are taken in before the byte.
  struct Errors {
    uint32_t context = 0, plane = 0, mixture = 0;
  };
  void AddErrors(const Errors& of_byte);

  LaneKind kind() const { return kind_; }
  static constexpr size_t PlanesOf(LaneKind kind) {
    return kind == LaneKind::kText ? 0 : kind == LaneKind::kRecords ? kFewPlanes : kPlanes;
  }
  size_t planes() const { return PlanesOf(kind_); }
  void Hash(const LastFollowers& followers, const Expectation& expected, Contexts* contexts) const;

  // The contexts of the next bit among the bits of the rows above, records being rows: hashes, of
  // which the upper bits count. `node` is a one and then the `depth` bits of the byte.
  void PlaneContexts(uint32_t node, int depth, std::array<uint64_t, kPlanes>* hashes) const;
  // The same of few bits, as numbers: those beside and above; those above alone and in one row;
  // and those of many rows.
  struct Templates {
    uint32_t near = 0;    // below 2^12
    uint32_t row = 0;     // below 2^11
    uint32_t rows = 0;    // below 2^11
    uint32_t around = 0;  // below 2^17
  };
  Templates BitsAround(uint32_t node, int depth) const;

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  uint64_t past() const { return past_; }  // the last eight bytes, the last one lowest
  // The place within a record, 0 where there are none.
  size_t column() const { return periods_.width() == 0 ? 0 : bytes_.size() % periods_.width(); }
  // The place within a line, 255 at most.
  uint32_t PlaceInLine() const {
    return static_cast<uint32_t>(std::min<size_t>(bytes_.size() - line_, 255));
  }
  uint32_t word() const { return words_[0]; }
  // The state of a text: letters of the word so far, brackets that are open, what ended a
  // sentence; a number below 2^10.
  uint32_t TextState() const;

 private:
  static constexpr size_t kMostOpen = 7;

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
  void ReadLine(uint8_t byte);
  void ReadBrackets(uint8_t byte);
  void ReadKind(uint8_t byte);

  std::vector<uint8_t> bytes_;
  uint64_t past_ = 0;
  std::array<uint32_t, 3> words_{};  // hashes of the word so far, and of the two before it
  uint32_t word_length_ = 0;
  uint32_t last_mark_ = 0;  // the last byte that is no letter and no space
  uint32_t sentence_ = 0;   // 1: it has ended; 2: the line, too
  uint32_t form_ = 0;       // kinds of the last four tokens, see ReadForm
  size_t line_ = 0;         // where this line begins
  size_t line_before_ = 0;
  uint32_t line_start_ = 0;  // its first two bytes
  uint32_t first_word_ = 0;  // a hash of its first word
  bool first_word_ended_ = false;
  std::array<uint8_t, kMostOpen + 1> open_{};  // brackets and quotes
  size_t opened_ = 0;
  PeriodFinder periods_;

  LaneKind kind_ = LaneKind::kText;
  uint32_t controls_ = 0;  // how many bytes lately were no text's; 2^20 where all
  Errors errors_;          // sums over about the last 4096 bytes, out of 2^12
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_STEP_SEQUENCE_H_
