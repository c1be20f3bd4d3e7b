#include "data/base/digest.h"

#include <openssl/evp.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "data/base/error.h"

namespace occam {

struct Sha256::State {
  EVP_MD_CTX* context = nullptr;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  state_->context = EVP_MD_CTX_new();
  if (state_->context == nullptr ||
      EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1) {
    throw InternalError("SHA-256 is not available from the cryptographic library");
  }
}

Sha256::~Sha256() { EVP_MD_CTX_free(state_->context); }

void Sha256::Update(std::span<const uint8_t> bytes) {
  if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1)
    throw InternalError("SHA-256 failed");
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest;
  if (EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) != 1)
    throw InternalError("SHA-256 failed");
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
