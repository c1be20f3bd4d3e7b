// The door from C++ (include/occam/occam.h): what each byte costs, contexts and generation, and the
// range coder.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "coder/archive/compressor.h"
#include "coder/predict/continuation.h"
#include "coder/predict/loaded_model.h"
#include "occam/occam.h"
#include "tests/catch.h"
#include "tests/coder/api/door_testing.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

using testing::ByteModel;
using testing::BytePairModel;
using testing::BytesWriter;
using testing::Dream;
using testing::Pairs;
using testing::Tiny;
using testing::With;

constexpr Mode kModes[] = {Mode::kChunked, Mode::kCarried, Mode::kAdaptive};

double Sum(const std::vector<float>& costs) {
  return std::accumulate(costs.begin(), costs.end(), 0.0);
}

}  // namespace

TEST_CASE("Door: costs add up to the payload, in every mode and for byte pairs") {
  // A payload is its information, rounded up to bytes, and at most two bytes more a stream. In mode
  // adaptive a segment of 32 lanes has 16 streams, with lengths.
  const auto check = [](const Bytes& bytes, const Model& model, const CodecModel& codec_model,
                        Mode mode) {
    const auto costs = Costs(bytes, With(model, mode));
    REQUIRE(costs.size() == bytes.size());
    CHECK(std::ranges::all_of(costs, [](float bits) { return bits >= 0; }));
    const CodecOptions options{1, {}, static_cast<ContextMode>(mode)};
    const auto payload = static_cast<double>(ModelPayloadBytes(bytes, codec_model, options));
    const FileHeader header =
        DefaultHeader(codec_model.context, options.mode, codec_model.vocabulary);
    const double segments = std::ceil(static_cast<double>(bytes.size()) / header.segment_bytes());
    INFO("mode " << static_cast<int>(mode) << ", " << bytes.size() << " bytes");
    const double streams = mode == Mode::kAdaptive ? 16 : 1;
    CHECK(std::abs(Sum(costs) / 8 - payload) <= 3 * streams * segments);
  };
  const LoadedModel bytes_model(ByteModel(), Kernels::kFast);
  const LoadedModel pairs_model(BytePairModel(), Kernels::kFast);
  for (const Mode mode : kModes) {
    check(Dream(4000), Tiny(), bytes_model.codec_model(), mode);
    check(Prose(3000, 1), Tiny(), bytes_model.codec_model(), mode);
  }
  for (const Mode mode : {Mode::kChunked, Mode::kCarried})
    check(Prose(3000, 2), Pairs(), pairs_model.codec_model(), mode);
  check(Prose(530000, 4), Tiny(), bytes_model.codec_model(), Mode::kChunked);  // two segments
  CHECK(Costs({}, With(Tiny())).empty());
  CHECK(ThrownBy([] { Costs(Prose(10, 1), With(Pairs(), Mode::kAdaptive)); }).kind ==
        ErrorKind::kUsage);
}

TEST_CASE("Door: costs are of the very file that the built-in model writes") {
  const std::string text =
      "The history of tea in China is long and complex. It was first drunk as a medicine, later "
      "as a beverage, and has been known for thousands of years. ";
  for (const Mode mode : kModes) {
    Options options;
    options.mode = mode;
    const auto costs = Costs(BytesOf(text), options);
    const auto file = CompressBytes(BytesOf(text), options);
    BytesReader reader(file);
    const Stats stats = ListArchive(reader).stats;
    REQUIRE(stats.model_segments == 1);
    CHECK(std::abs(Sum(costs) / 8 - static_cast<double>(stats.payload_bytes)) <= 3);
  }
}

TEST_CASE("Door: a context tells of each next byte what feeding that byte costs") {
  for (const Model* model : {&Tiny(), &Pairs()}) {
    Context context(*model);
    const Bytes text = Prose(100, 5);
    for (const uint8_t byte : text) {
      const auto frequencies = context.Next();
      CHECK(std::accumulate(frequencies.begin(), frequencies.end(), uint64_t{0}) ==
            OCCAM_FREQUENCY_TOTAL);
      const double bits = context.Feed(std::span(&byte, 1));
      if (model == &Tiny()) CHECK(bits == Approx(24 - std::log2(frequencies[byte])).epsilon(1e-6));
    }
  }
}

TEST_CASE("Door: feeding in pieces is feeding at once, with and without questions between") {
  const Bytes text = Dream(200);
  Context at_once(Tiny()), in_pieces(Tiny()), asked(Tiny());
  const double bits = at_once.Feed(text);
  double pieces_bits = 0, asked_bits = 0;
  for (size_t begin = 0; begin < text.size(); begin += 37) {
    const auto piece = std::span(text).subspan(begin, std::min<size_t>(37, text.size() - begin));
    pieces_bits += in_pieces.Feed(piece);
    if (begin == 74) asked.Next();
    asked_bits += asked.Feed(piece);
  }
  CHECK(pieces_bits == Approx(bits).epsilon(1e-9));
  CHECK(asked_bits == Approx(bits).epsilon(1e-9));
  CHECK(in_pieces.Next() == at_once.Next());
  CHECK(asked.Next() == at_once.Next());
  CHECK(at_once.Feed({}) == 0);
  CHECK(in_pieces.Next() == at_once.Next());
  // Carried costs of a short text are those of a context: one lane, no end.
  CHECK(bits == Approx(Sum(Costs(text, With(Tiny(), Mode::kCarried)))).epsilon(1e-5));
}

TEST_CASE("Door: generation is the library's own continuation, cut to the size that was asked") {
  const LoadedModel pairs_model(BytePairModel(), Kernels::kFast);
  const LoadedModel bytes_model(ByteModel(), Kernels::kFast);
  const Bytes prompt = Prose(50, 6);
  const auto check = [&](const Model& model, const LoadedModel& loaded) {
    Context context(model);
    context.Feed(prompt);
    BytesWriter generated;
    context.Generate(101, generated, {800, 40, 7});
    Continuation continuation(loaded.codec_model());
    continuation.Feed(prompt);
    SymbolSampler sampler({800, 40, 7});
    Bytes expected;
    while (expected.size() < 101) {
      const Bytes more = continuation.Next(&sampler);
      expected.insert(expected.end(), more.begin(), more.end());
    }
    expected.resize(101);
    CHECK(generated.bytes == expected);
  };
  check(Tiny(), bytes_model);
  check(Pairs(), pairs_model);
  Context context(Tiny());
  BytesWriter out;
  CHECK(ThrownBy([&] { context.Generate(1, out, {100001, 0, 1}); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Door: symbols come back from the range coder, at the length of their information") {
  const std::vector<uint32_t> frequencies = {1, 1u << 20, (1u << 24) - (1u << 20) - 2, 1};
  std::vector<uint32_t> starts = {0};
  for (const uint32_t f : frequencies) starts.push_back(starts.back() + f);
  REQUIRE(starts.back() == OCCAM_FREQUENCY_TOTAL);
  std::vector<size_t> symbols;
  for (const uint8_t byte : RandomBytes(3000, 8))
    symbols.push_back(byte == 0 ? 0 : byte == 1 ? 3 : byte < 20 ? 1 : 2);
  EntropyEncoder encoder;
  for (int stream = 0; stream < 2; ++stream) {  // Finish begins another
    double bits = 0;
    for (const size_t symbol : symbols) {
      encoder.Put(starts[symbol], frequencies[symbol]);
      bits += 24 - std::log2(frequencies[symbol]);
    }
    const auto bytes = encoder.Finish();
    CHECK(static_cast<double>(bytes.size()) <= std::ceil(bits / 8) + 2);
    EntropyDecoder decoder(bytes);
    for (const size_t symbol : symbols) {
      const uint32_t target = decoder.Target();
      CHECK(decoder.Target() == target);
      const size_t found = static_cast<size_t>(
          std::upper_bound(starts.begin(), starts.end(), target) - starts.begin() - 1);
      REQUIRE(found == symbol);
      decoder.Take(starts[found], frequencies[found]);
    }
    CHECK(decoder.IsExact());
  }
  EntropyDecoder decoder({});
  CHECK(ThrownBy([&] { decoder.Take(0, 1); }).Mentions("ask for the target"));
  decoder.Target();
  CHECK(ThrownBy([&] { decoder.Take(5, 1); }).kind == ErrorKind::kUsage);
  for (const auto& [start, size] :
       {std::pair{0u, 0u}, {OCCAM_FREQUENCY_TOTAL, 1u}, {1u, OCCAM_FREQUENCY_TOTAL}, {~0u, 2u}}) {
    CHECK(ThrownBy([&, s = start, n = size] { encoder.Put(s, n); }).kind == ErrorKind::kUsage);
  }
  CHECK(encoder.Finish().empty());
}

}  // namespace occam
