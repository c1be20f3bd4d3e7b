// Random numbers that are the same on every machine: a pure function of the seed, in integers. The
// standard library's distributions are not used, since they differ between implementations.
#ifndef OCCAM_DATA_BASE_RANDOM_H_
#define OCCAM_DATA_BASE_RANDOM_H_

#include <cstdint>

namespace occam {

// SplitMix64 (Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number generators", figure
// 15).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  // An independent stream for each pair, such as (seed, step).
  Random(uint64_t seed, uint64_t stream)
      : state_(Random(seed).Next() ^ (stream * 0xd1342543de82ef95ull)) {
    Next();
  }

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // Returns an integer in [0, bound), bound > 0; the bias is below bound / 2^64.
  uint64_t Below(uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
  }
  // Returns a number in [0, 1), a multiple of 2^-24, exact in float.
  float Uniform() { return static_cast<float>(Next() >> 40) * 0x1p-24f; }
  // Returns a number in [-bound, bound).
  float Symmetric(float bound) { return (2.0f * Uniform() - 1.0f) * bound; }

 private:
  uint64_t state_;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_RANDOM_H_
