// Any bytes as a model. What is taken for one has one id in both its forms, and codes alike with
// fast and plain kernels.
//
// Byte 0: the length and the digest of a flat model are mended (bit 0). The rest is a model, flat
// or coded by its own first bytes.
#include <optional>

#include "coder/archive/decompressor.h"
#include "coder/weights/model_codec.h"
#include "tests/fuzz/mend.h"
#include "tests/fuzz/models.h"
#include "tests/fuzz/target.h"

namespace occam::fuzz {
namespace {

constexpr size_t kMostBytes = 60'000;

std::optional<QuantizedModel> Parsed(const Bytes& bytes) {
  QuantizedModel model;
  const bool parsed = Succeeds([&] {
    model = IsCodedModel(bytes) ? DecodeModel(bytes, "input") : ParseModel(bytes, "input");
  });
  if (!parsed) return std::nullopt;
  return model;
}

void CheckCoding(const QuantizedModel& model) {
  std::optional<LoadedModel> fast;
  // A tokenizer that is none, or of another vocabulary, is found here.
  if (!Succeeds([&] { fast.emplace(model, Kernels::kFast); })) return;
  const LoadedModel plain(model, Kernels::kPlain);
  Bytes original;
  Random random(model.tokenizer.size());
  for (int i = 0; i < 150; ++i) {
    original.push_back(
        static_cast<uint8_t>(random.Below(5) > 0 ? 'a' + random.Below(20) : random.Next()));
  }
  const Bytes coded = EncodeModel(model).bytes;
  for (const ContextMode mode : {ContextMode::kChunked, ContextMode::kCarried}) {
    FileHeader header = Layout(fast->codec_model(), mode, /*lanes=*/3, /*chunks=*/1);
    const Bytes file = ArchiveOf(original, header, fast->codec_model(), coded);
    Require(file == ArchiveOf(original, header, plain.codec_model(), coded),
            "fast and plain kernels write one file");
    Bytes restored;
    Decompress(*MemorySource(file), *MemorySink(&restored), &plain.codec_model(), {1, {}});
    Require(restored == original, "what a model codes it restores");
  }
}

void CheckModel(const Bytes& bytes) {
  const std::optional<QuantizedModel> model = Parsed(bytes);
  if (!model) return;
  const Sha256Digest id = ModelId(*model);
  Require(ModelId(ParseModel(SerialiseModel(*model), "flat")) == id, "the flat form is the model");
  Require(ModelId(DecodeModel(EncodeModel(*model).bytes, "coded")) == id,
          "the coded form is the model");
  CheckCoding(*model);
}

}  // namespace
}  // namespace occam::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace occam::fuzz;  // NOLINT
  if (size < 2 || size > kMostBytes) return 0;
  occam::Bytes bytes(data + 1, data + size);
  if ((data[0] & 1) != 0) MendModel(&bytes);
  if (IsSmallModel(bytes)) CheckModel(bytes);
  return 0;
}
