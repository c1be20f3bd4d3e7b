#include "model/checkpoint/checkpoint_block.h"

#include <algorithm>

#include "data/base/byte_order.h"
#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "model/checkpoint/checkpoint.h"

namespace occam {
namespace {

constexpr uint8_t kMagic[8] = {'O', 'C', 'C', 'A', 'M', 'C', 'K', 'P'};

}  // namespace

void FillUserBlock(uint32_t format_version, std::span<uint8_t> file) {
  const auto data = file.subspan(kUserBlockBytes);
  ByteWriter block;
  block.PutBytes(kMagic);
  block.Put(format_version);
  block.Put(uint32_t{0});
  block.Put(uint64_t{data.size()});
  block.PutBytes(Sha256Of(data));
  std::copy(block.bytes().begin(), block.bytes().end(), file.begin());
}

uint32_t CheckUserBlock(std::span<const uint8_t> file, const std::string& name) {
  const auto starts = [&](size_t count) {
    return std::equal(kMagic, kMagic + count, file.begin());
  };
  if (file.empty()) throw DamagedError(name + " is empty, so it is no checkpoint");
  if (!starts(std::min(file.size(), sizeof(kMagic)))) {
    throw DamagedError(name + " is no checkpoint of Occam");
  }
  if (file.size() < kUserBlockBytes) throw DamagedError(name + " is truncated in its first block");
  ByteReader block(file.first(kUserBlockBytes), name);
  block.GetBytes(sizeof(kMagic));
  const auto version = block.Get<uint32_t>();
  if (version < kFormatWhole || version > kFormatSparse) {
    throw DamagedError(fmt::format(
        "{} is a checkpoint of format version {}, this program reads versions up to {}; it may be "
        "newer or damaged",
        name, version, kFormatSparse));
  }
  const auto reserved = block.Get<uint32_t>();
  const auto length = block.Get<uint64_t>();
  const auto digest = block.GetBytes(sizeof(Sha256Digest));
  const auto rest = block.GetBytes(block.remaining());
  const auto data = file.subspan(kUserBlockBytes);
  if (length != data.size()) {
    throw DamagedError(fmt::format("{} has {} bytes of data where its first block says {}", name,
                                   data.size(), length));
  }
  const Sha256Digest actual = Sha256Of(data);
  if (!std::equal(actual.begin(), actual.end(), digest.begin()) || reserved != 0 ||
      std::any_of(rest.begin(), rest.end(), [](uint8_t byte) { return byte != 0; })) {
    throw DamagedError(name + " is damaged: its digest is not that of what was written");
  }
  return version;
}

bool IsCheckpoint(std::span<const uint8_t> file) {
  return file.size() >= sizeof(kMagic) && std::equal(kMagic, kMagic + sizeof(kMagic), file.begin());
}

}  // namespace occam
