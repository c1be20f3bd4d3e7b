#include "coder/baselines/baselines.h"

#include <string>
#include <utility>
#include <vector>

#include "coder/baselines/classical_codecs.h"
#include "coder/baselines/gray_image.h"
#include "coder/baselines/program.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

using Form = ClassicalCodec::Form;
constexpr Form kForms[] = {Form::kFile, Form::kBare};

// Gives back one byte less than it was given.
class Forgetful final : public ClassicalCodec {
 public:
  CodecFacts facts() const override {
    return {
        .name = "forgetful", .maker = "", .setting = "", .sees = "", .removed = "", .missing = ""};
  }
  Bytes Compress(std::span<const uint8_t> original, Form) const override {
    return Bytes(original.begin(), original.end());
  }
  Bytes Decompress(std::span<const uint8_t> compressed, size_t, Form) const override {
    return Bytes(compressed.begin(), compressed.end() - 1);
  }
};

// Smooth in both directions of rows of 64, with a little noise: what image and sound codecs like.
Bytes Waves(size_t size) {
  Bytes noise = RandomBytes(size, 5);
  for (size_t i = 0; i < size; ++i)
    noise[i] = static_cast<uint8_t>(i % 64 + i / 64 % 64 + noise[i] % 4);
  return noise;
}

// Whether the codec gives back something else than `original`, or refuses to.
bool Notices(const ClassicalCodec& codec, const Bytes& damaged, const Bytes& original, Form form) {
  try {
    return codec.Decompress(damaged, original.size(), form) != original;
  } catch (const Error& e) {
    // A program may leave no file behind at all.
    CHECK((e.kind() == ErrorKind::kInternal || e.kind() == ErrorKind::kIo));
    return true;
  }
}

}  // namespace

TEST_CASE("Baselines: every codec gives back any data in every form that it has") {
  for (const auto& codec : ClassicalCodecs()) {
    const CodecFacts facts = codec->facts();
    INFO(facts.name);
    if (!facts.missing.empty()) continue;
    // 2047 and 65 are no whole rows of an image. 200,000 bytes are more than one piece of output,
    // and more than one chunk of LZMA2.
    std::vector<Bytes> data = {Bytes{}, Bytes{7}, RandomBytes(65, 3), Prose(2047, 4), Waves(6000)};
    if (facts.sees == "bytes" && !facts.is_program)
      data.insert(data.end(), {Prose(200000, 1), RandomBytes(200000, 2), Bytes(200000, 0)});
    if (facts.name == "ppmd") data.push_back(Prose(200000, 1));  // fills the memory that it gets
    for (const Form form : kForms) {
      if (form == Form::kBare && facts.removed.empty()) continue;
      for (const Bytes& original : data) {
        INFO(original.size());
        const Bytes compressed = codec->Compress(original, form);
        CHECK(codec->Decompress(compressed, original.size(), form) == original);
      }
    }
  }
}

TEST_CASE("Baselines: the bare form is the file less its headers") {
  const Bytes waves = Waves(2048);
  for (const auto& codec : ClassicalCodecs()) {
    const CodecFacts facts = codec->facts();
    INFO(facts.name);
    if (!facts.missing.empty() || facts.removed.empty()) continue;
    const Bytes file = codec->Compress(waves, Form::kFile);
    const Bytes bare = codec->Compress(waves, Form::kBare);
    CHECK(bare.size() <= file.size());
    CHECK(bare.size() + 120 >= file.size());
    CHECK((bare.size() < file.size() || facts.name == "brotli"));
    CHECK(bare.size() < waves.size());
  }
}

TEST_CASE("Baselines: damaged data is an error or another result, never a crash") {
  const Bytes original = Waves(3000);
  for (const auto& codec : ClassicalCodecs()) {
    const CodecFacts facts = codec->facts();
    INFO(facts.name);
    if (!facts.missing.empty()) continue;
    for (const Form form : kForms) {
      if (form == Form::kBare && facts.removed.empty()) continue;
      const Bytes good = codec->Compress(original, form);
      const size_t places = facts.is_program ? 2 : 12;
      for (size_t i = 0; i < places; ++i) {
        const auto cut = static_cast<ptrdiff_t>(good.size() * i / places);
        CHECK(Notices(*codec, Bytes(good.begin(), good.begin() + cut), original, form));
        Bytes flipped = good;
        flipped[static_cast<size_t>(cut)] ^= 0x10;
        Notices(*codec, flipped, original, form);  // some bits mean nothing
      }
      if (!facts.is_program) CHECK(Notices(*codec, RandomBytes(500, 9), original, form));
    }
  }
}

TEST_CASE("Baselines: files are what the programs write, and text shrinks") {
  const Bytes text = Prose(100000, 1);
  const Bytes gzip = GzipCodec()->Compress(text, Form::kFile);
  CHECK((gzip[0] == 0x1f && gzip[1] == 0x8b));
  const Bytes xz = XzCodec()->Compress(text, Form::kFile);
  CHECK((xz[0] == 0xfd && xz[1] == '7' && xz[2] == 'z'));
  CHECK(gzip.size() < text.size() / 2);
  CHECK(xz.size() < gzip.size());
}

TEST_CASE("Baselines: image and sound codecs see structure that text codecs do not") {
  const Bytes waves = Waves(16 * 1024);
  const size_t gzip = GzipCodec()->Compress(waves, Form::kFile).size();
  for (const auto& codec : {PngCodec(), WebpCodec(), FlacCodec()}) {
    if (!codec->facts().missing.empty()) continue;
    INFO(codec->name());
    CHECK(codec->Compress(waves, Form::kFile).size() < gzip);
  }
}

TEST_CASE("Baselines: images that are too high are cut into strips") {
  const auto halves = [](std::span<const uint8_t> pixels, size_t rows) {
    CHECK(pixels.size() == rows * kGrayWidth);
    return Bytes(pixels.begin(), pixels.end());
  };
  const auto same = [](std::span<const uint8_t> image, size_t) {
    return Bytes(image.begin(), image.end());
  };
  for (const size_t size : {0, 1, 64, 128, 129, 256, 300}) {
    const Bytes original = RandomBytes(size, 1);
    const Bytes coded = EncodeStrips(original, 2, halves);
    const size_t strips = (GrayRows(size) + 1) / 2;
    CHECK(coded.size() == GrayRows(size) * kGrayWidth + 4 * (strips - 1));
    CHECK(DecodeStrips(coded, size, 2, same) == original);
    if (strips < 2) continue;
    const Bytes cut(coded.begin(), coded.begin() + 3);
    CHECK(ThrownBy([&] { DecodeStrips(cut, size, 2, same); }).kind == ErrorKind::kInternal);
    Bytes wrong = coded;
    wrong[3] = 0xff;
    CHECK(ThrownBy([&] { DecodeStrips(wrong, size, 2, same); }).kind == ErrorKind::kInternal);
  }
}

TEST_CASE("Baselines: a program that fails or is not there is an error") {
  const WorkFolder folder;
  const std::string shell = FindProgram("sh");
  CHECK(folder.Run(shell, {"-c", "echo heard"}) == "heard\n");
  CHECK(ThrownBy([&] { folder.Run(shell, {"-c", "exit 3"}); }).kind == ErrorKind::kInternal);
  CHECK(ThrownBy([&] { folder.Run("/no/such/program", {}); }).kind == ErrorKind::kIo);
  CHECK(FindProgram("no-such-program").empty());
}

TEST_CASE(
    "Baselines: the whole is a file, chunks are bare streams that know nothing of each other") {
  const auto codec = GzipCodec();
  const Bytes text = Prose(5000, 3);
  CHECK(WholeBytes(*codec, text) == codec->Compress(text, Form::kFile).size());
  uint64_t sum = 0;
  for (const auto& [begin, size] : {std::pair{0, 2048}, {2048, 2048}, {4096, 904}}) {
    const auto chunk =
        std::span(text).subspan(static_cast<size_t>(begin), static_cast<size_t>(size));
    sum += codec->Compress(chunk, Form::kBare).size();
  }
  CHECK(ChunkedBytes(*codec, text) == sum);
  CHECK(sum > WholeBytes(*codec, text));
  // The gzip header and trailer are 18 bytes.
  CHECK(ChunkedBytes(*codec, text, 5000) + 18 == WholeBytes(*codec, text));
  CHECK(BaselineBytes(*codec, text, 2048, Form::kFile) == sum + 3 * 18);
  std::vector<uint64_t> seen;
  BaselineBytes(*codec, text, 2048, Form::kFile, [&](uint64_t done) { seen.push_back(done); });
  CHECK(seen == std::vector<uint64_t>{2048, 4096, 5000});
}

TEST_CASE("Baselines: a codec that does not give back its input is an error, not a figure") {
  CHECK(ThrownBy([] { WholeBytes(Forgetful(), Bytes(10)); }).kind == ErrorKind::kInternal);
  CHECK(ThrownBy([] { ChunkedBytes(Forgetful(), Bytes(10)); }).kind == ErrorKind::kInternal);
  CHECK(ThrownBy([] { GzipCodec()->Decompress(Bytes(10, 7), 5, Form::kFile); }).kind ==
        ErrorKind::kInternal);
  CHECK(ThrownBy([] { XzCodec()->Decompress(Bytes(10, 7), 5, Form::kFile); }).kind ==
        ErrorKind::kInternal);
}

}  // namespace occam
