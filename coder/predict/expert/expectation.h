// The bytes that last followed the last bytes, and those that strings that came before let expect.
#ifndef OCCAM_CODER_PREDICT_EXPERT_EXPECTATION_H_
#define OCCAM_CODER_PREDICT_EXPERT_EXPECTATION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace occam {

// The two bytes that last followed one, two and three bytes, as a number with the last one lowest;
// lanes share it.
class LastFollowers {
 public:
  LastFollowers() : after1_(256), after2_(65536), after3_(65536) {}
  uint32_t After1(uint64_t past) const { return after1_[past & 0xff]; }
  uint32_t After2(uint64_t past) const { return after2_[past & 0xffff]; }
  uint32_t After3(uint64_t past) const { return after3_[Hash3(past)]; }
  void Add(uint64_t past, uint8_t byte);

 private:
  static size_t Hash3(uint64_t past);
  std::vector<uint16_t> after1_, after2_, after3_;
};

// The bytes that strings which came before let expect.
struct Expectation {
  int long_byte = -1;  // after a long one; -1: nothing
  int byte = -1;       // after any
  uint32_t long_step = 0;
  uint32_t step = 0;  // of the length of the other
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_EXPECTATION_H_
