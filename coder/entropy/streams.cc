#include "coder/entropy/streams.h"

namespace occam {

Bytes JoinStreams(std::span<const Bytes> streams) {
  Bytes payload;
  for (const Bytes& stream : streams.first(streams.size() - 1)) {
    size_t length = stream.size();
    for (; length > 0x7f; length >>= 7) payload.push_back(static_cast<uint8_t>(length | 0x80));
    payload.push_back(static_cast<uint8_t>(length));
  }
  for (const Bytes& stream : streams) payload.insert(payload.end(), stream.begin(), stream.end());
  return payload;
}

std::optional<std::vector<std::span<const uint8_t>>> CutStreams(std::span<const uint8_t> payload,
                                                                size_t count) {
  constexpr int kMostBits = 35;  // of a length
  std::vector<uint64_t> lengths;
  size_t at = 0;
  while (lengths.size() + 1 < count) {
    uint64_t length = 0;
    for (int bits = 0;; bits += 7) {
      if (at == payload.size() || bits == kMostBits) return std::nullopt;
      const uint8_t byte = payload[at++];
      length |= uint64_t{byte & 0x7fu} << bits;
      if ((byte & 0x80) != 0) continue;
      if (byte == 0 && bits > 0) return std::nullopt;
      break;
    }
    lengths.push_back(length);
  }
  std::vector<std::span<const uint8_t>> streams;
  std::span<const uint8_t> rest = payload.subspan(at);
  for (const uint64_t length : lengths) {
    if (length > rest.size()) return std::nullopt;
    streams.push_back(rest.first(length));
    rest = rest.subspan(length);
  }
  streams.push_back(rest);
  return streams;
}

}  // namespace occam
