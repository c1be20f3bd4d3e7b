#include "coder/predict/expert/expectation.h"

namespace occam {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio

}  // namespace

size_t LastFollowers::Hash3(uint64_t past) { return (past & 0xffffff) * kGolden >> 48; }

void LastFollowers::Add(uint64_t past, uint8_t byte) {
  for (uint16_t* const two :
       {&after1_[past & 0xff], &after2_[past & 0xffff], &after3_[Hash3(past)]})
    *two = static_cast<uint16_t>(*two << 8 | byte);
}

}  // namespace occam
