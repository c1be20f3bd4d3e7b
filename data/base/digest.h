// Digests: SHA-256 (FIPS 180-4, through OpenSSL) names models and data; XXH3-64 (xxHash) finds
// damage in segments.
#ifndef OCCAM_DATA_BASE_DIGEST_H_
#define OCCAM_DATA_BASE_DIGEST_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace occam {

using Sha256Digest = std::array<uint8_t, 32>;

// Bytes in pieces; Finish once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void Update(std::span<const uint8_t> bytes);
  Sha256Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same for XXH3-64.
class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  Xxh3(const Xxh3&) = delete;
  Xxh3& operator=(const Xxh3&) = delete;
  void Update(std::span<const uint8_t> bytes);
  uint64_t Finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Sha256Digest Sha256Of(std::span<const uint8_t> bytes);
uint64_t Xxh3Of(std::span<const uint8_t> bytes);
std::string Hex(std::span<const uint8_t> bytes);  // lower case

}  // namespace occam

#endif  // OCCAM_DATA_BASE_DIGEST_H_
