// Promises that fuzz targets check, and choices that they make. A target is one function of bytes.
// libFuzzer calls it with bytes that it invents (preset fuzz), and driver.cc with a kept corpus and
// changes of it (all other builds). What must hold for any bytes at all ends the program where it
// does not.
#ifndef OCCAM_TESTS_FUZZ_TARGET_H_
#define OCCAM_TESTS_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>

#include "data/base/error.h"
#include "data/base/random.h"

// Defined by each target. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace occam::fuzz {

// Ends the program with the sentence unless `holds`.
inline void Require(bool holds, const char* sentence) {
  if (holds) return;
  std::fprintf(stderr, "Broken promise: %s\n", sentence);
  std::abort();
}

// Returns whether f comes to its end. It may throw what bad data causes, an Error of any kind but
// kInternal; anything else that it throws ends the program, lack of memory included.
template <typename F>
bool Succeeds(const F& f) {
  try {
    f();
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInternal) return false;
    std::fprintf(stderr, "A bug of Occam: %s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "A foreign exception: %s\n", error.what());
  }
  std::abort();
}

// Hands out the input's bytes, and when they are used up random ones that depend on all of them.
// Does not own the bytes.
class Choices {
 public:
  explicit Choices(std::span<const uint8_t> bytes) : bytes_(bytes), random_(Seed(bytes)) {}

  uint8_t Byte() {
    return at_ < bytes_.size() ? bytes_[at_++] : static_cast<uint8_t>(random_.Next());
  }
  // A number in [0, bound), bound in [1, 65536].
  int Below(int bound) { return (Byte() << 8 | Byte()) % bound; }
  bool Coin() { return (Byte() & 1) != 0; }
  // The bytes that were not handed out.
  std::span<const uint8_t> Rest() const { return bytes_.subspan(at_); }

 private:
  static uint64_t Seed(std::span<const uint8_t> bytes) {
    uint64_t seed = 1;
    for (const uint8_t byte : bytes) seed = (seed ^ byte) * 0x100000001b3;
    return seed;
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  Random random_;
};

}  // namespace occam::fuzz

#endif  // OCCAM_TESTS_FUZZ_TARGET_H_
