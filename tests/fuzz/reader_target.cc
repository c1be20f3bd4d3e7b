// Any bytes as a compressed corpus, a picture, a recording.
//
// Byte 0: which of them. The rest is the file.
#include "data/archive.h"
#include "data/image.h"
#include "data/patches.h"
#include "data/speech.h"
#include "tests/fuzz/target.h"

namespace occam::fuzz {
namespace {

constexpr size_t kMostUnpackedBytes = 4 << 20;

void Unpack(std::span<const uint8_t> file) {
  const auto unpacked = Unpacked(MemorySource(file));
  Bytes piece(1 << 16);
  for (size_t total = 0; total < kMostUnpackedBytes; total += piece.size()) {
    const size_t count = unpacked->Read(piece);
    Require(count <= piece.size(), "no more is read than there is room for");
    if (count < piece.size()) return;
  }
}

void See(std::span<const uint8_t> file) {
  const GrayImage image = DecodeImage(file, "input");
  Require(image.rows >= 1 && image.columns >= 1, "a picture has a pixel");
  Require(
      image.samples.size() == static_cast<size_t>(image.rows) * static_cast<size_t>(image.columns),
      "a picture has as many samples as pixels");
  Random random(1);
  const Bytes patches = CutPatches(image, /*limit=*/3, &random);
  Require(patches.size() % static_cast<size_t>(kPatchBytes) == 0, "patches are whole");
}

void Hear(std::span<const uint8_t> file) {
  Require(!DecodeSpeech(file, "input").empty(), "a recording has a sample");
}

}  // namespace
}  // namespace occam::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace occam::fuzz;  // NOLINT
  if (size < 1 || size > 20'000) return 0;
  const std::span<const uint8_t> file(data + 1, size - 1);
  Succeeds([&] { data[0] % 3 == 0 ? Unpack(file) : data[0] % 3 == 1 ? See(file) : Hear(file); });
  return 0;
}
