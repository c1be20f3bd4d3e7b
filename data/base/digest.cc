#include "data/base/digest.h"

// The calls of one algorithm. Those by name (EVP) load providers first: they allocate a thousand
// times, and OpenSSL 3.0 crashes where one of these fails. It calls these deprecated and keeps
// them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace occam {

struct Sha256::State {
  SHA256_CTX context;
};

// None of these calls can fail: they only compute.
Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() = default;

void Sha256::Update(std::span<const uint8_t> bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest;
  SHA256_Final(digest.data(), &state_->context);
  return digest;
}

struct Xxh3::State {
  XXH3_state_t hash;  // is aligned to 64 bytes
};

Xxh3::Xxh3() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->hash); }
Xxh3::~Xxh3() = default;
void Xxh3::Update(std::span<const uint8_t> bytes) {
  XXH3_64bits_update(&state_->hash, bytes.data(), bytes.size());
}
uint64_t Xxh3::Finish() const { return XXH3_64bits_digest(&state_->hash); }

Sha256Digest Sha256Of(std::span<const uint8_t> bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return sha.Finish();
}

uint64_t Xxh3Of(std::span<const uint8_t> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string Hex(std::span<const uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace occam
