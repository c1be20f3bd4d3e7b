// Any bytes in any layout: they are restored, and a changed file never gives other bytes.
//
// Bytes 0 to 3: model and mode, lanes, chunks of a lane, where the file is changed. The rest is the
// original.
#include <algorithm>

#include "coder/archive/decompressor.h"
#include "coder/archive/salvage.h"
#include "tests/fuzz/models.h"
#include "tests/fuzz/target.h"

namespace occam::fuzz {
namespace {

Bytes Restored(const Bytes& file, const CodecModel& model, int threads) {
  Bytes original;
  Decompress(*MemorySource(file), *MemorySink(&original), &model, {threads, {}});
  return original;
}

void CheckRoundTrip(Choices in) {
  const uint8_t how = in.Byte();
  const CodecModel& model = Model(WhichModel(how)).codec_model();
  auto mode = static_cast<ContextMode>((how >> 2) % 3);
  if (mode == ContextMode::kAdaptive && model.vocabulary != 256) mode = ContextMode::kCarried;
  const auto lanes = static_cast<uint32_t>(1 + in.Below(9));
  const auto chunks = static_cast<uint32_t>(1 + in.Below(5));
  const uint8_t change = in.Byte();
  const size_t place = static_cast<size_t>(in.Byte()) << 8 | in.Byte();
  const auto rest = in.Rest();
  const Bytes original(rest.begin(), rest.end());

  Bytes file = ArchiveOf(original, Layout(model, mode, lanes, chunks), model);
  Require(Restored(file, model, 1) == original, "what was compressed is restored");
  Require(Restored(file, model, 3) == original, "three threads restore it, too");

  file[place % file.size()] ^= static_cast<uint8_t>(change | 1);
  Bytes restored;
  Require(!Succeeds([&] { restored = Restored(file, model, 1); }), "a changed byte is found");
  Bytes salvaged;
  SalvageReport report;
  const bool kept = Succeeds([&] {
    report = DecompressKeepGoing(
        *MemorySource(file), *MemorySink(&salvaged),
        [&](const FileHeader&, std::span<const uint8_t>) { return &model; }, {1, {}});
  });
  if (!kept) return;
  Require(!report.sound(), "salvage tells of a changed byte");
  Require(salvaged.size() <= original.size(), "salvage writes no more than there was");
  for (const MissingRange& missing : report.missing) {
    const size_t end = std::min(missing.end.value_or(salvaged.size()), uint64_t{salvaged.size()});
    for (size_t i = missing.begin; i < end; ++i) salvaged[i] = original[i];
  }
  Require(std::equal(salvaged.begin(), salvaged.end(), original.begin()),
          "salvage writes the original or zeros that it tells of");
}

}  // namespace
}  // namespace occam::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 8 && size <= 3000) occam::fuzz::CheckRoundTrip(occam::fuzz::Choices({data, size}));
  return 0;
}
