// The width of records: at what distance bytes come again in tables, images and programs.
#ifndef OCCAM_CODER_PREDICT_EXPERT_PERIOD_FINDER_H_
#define OCCAM_CODER_PREDICT_EXPERT_PERIOD_FINDER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace occam {

// Looks now and then at the last bytes of a sequence and counts, for each distance, how many of
// them are equal to the byte at that distance before. Bytes that repeat the one before them do not
// count: where everything is zero every distance would do.
class PeriodFinder {
 public:
  // To be called after each byte with all bytes so far.
  void Add(std::span<const uint8_t> bytes) {
    if (bytes.size() == next_look_) Look(bytes);
  }

  // The width of records, 0 where none is seen; and the best distance that is no multiple of it.
  size_t width() const { return width_; }
  size_t second() const { return second_; }

 private:
  void Look(std::span<const uint8_t> bytes);

  size_t next_look_ = 64;
  size_t width_ = 0;
  size_t second_ = 0;
  std::vector<uint32_t> scores_;  // [distance]
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_PERIOD_FINDER_H_
