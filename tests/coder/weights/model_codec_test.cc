#include "coder/weights/model_codec.h"

#include <algorithm>
#include <cmath>

#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

// Codes like those of trained weights: normal, of another deviation in each row, at most `most`.
QuantizedModel NormalModel(int most, uint64_t seed) {
  ModelConfig config = FamilyConfig(32);
  config.layers = 2;
  config.windows.resize(2);
  QuantizedModel model = testing::RandomModel(config, seed);
  Random random(seed);
  const auto table = ParameterTable(config);
  for (size_t t = 0; t < table.size(); ++t) {
    auto& codes = model.tensors[t].codes;
    const auto columns = static_cast<size_t>(table[t].columns);
    float deviation = 0;
    for (size_t i = 0; i < codes.size(); ++i) {
      if (i % columns == 0) deviation = static_cast<float>(most) * (0.1f + 0.3f * random.Uniform());
      float sum = 0;
      for (int k = 0; k < 12; ++k) sum += random.Symmetric(0.5f);
      const auto code = static_cast<int>(std::lround(sum * deviation));
      codes[i] = static_cast<int8_t>(std::clamp(code, -most, most));
    }
  }
  return model;
}

Bytes Noise(size_t size, uint64_t seed) {
  Random random(seed);
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
  return bytes;
}

void CheckRoundTrip(const QuantizedModel& model) {
  const CodedModel coded = EncodeModel(model);
  CHECK(IsCodedModel(coded.bytes));
  CHECK_FALSE(IsModelFile(coded.bytes));
  const QuantizedModel decoded = DecodeModel(coded.bytes, "test");
  CHECK(ModelId(decoded) == ModelId(model));
  CHECK(SerialiseModel(decoded) == SerialiseModel(model));
}

TEST_CASE("Model codec: a model comes back with the same bytes and id") {
  for (const auto& [name, config] : testing::AllConfigs()) {
    INFO(name);
    CheckRoundTrip(testing::RandomModel(config, 5));
  }
  for (const int most : {63, 31, 15, 7, 3, 1, 0}) {
    INFO(most);
    CheckRoundTrip(NormalModel(most, 6));
  }
}

TEST_CASE("Model codec: codes cost their entropy, and what is reported adds up") {
  for (const int most : {63, 7}) {
    const QuantizedModel model = NormalModel(most, 7);
    const CodedModel coded = EncodeModel(model);
    double bits = 0, entropy = 0, floats = 0;
    for (const size_t bytes : coded.tensor_bytes) bits += 8.0 * static_cast<double>(bytes);
    const auto table = ParameterTable(model.config);
    size_t weights = 0;
    for (size_t t = 0; t < table.size(); ++t) {
      // Of codes alone, by the histogram of each tensor with the deviation unknown: what one table
      // a tensor would reach at best.
      const auto& codes = model.tensors[t].codes;
      std::array<double, 127> count = {};
      for (const int8_t code : codes) ++count[static_cast<size_t>(code + 63)];
      for (const double n : count) {
        if (n > 0) entropy -= n * std::log2(n / static_cast<double>(codes.size()));
      }
      weights += codes.size();
      floats += static_cast<double>(model.tensors[t].floats.size());
    }
    INFO(most << ": " << bits / static_cast<double>(weights) << " bits a weight, tables "
              << entropy / static_cast<double>(weights));
    CHECK(bits <= 8.0 * static_cast<double>(coded.bytes.size()));
    CHECK(bits < 1.03 * entropy + 20 * floats);
  }
}

TEST_CASE(
    "Model codec: rows of a memory cost what they hold, and rows that hold nothing, nothing") {
  ModelConfig config = FamilyConfig(16);
  SetMemory("tiny", &config);
  QuantizedModel model = testing::RandomModel(config, 8);
  Random random(10);
  std::ranges::fill(model.memory.codes, int8_t{0});
  const CodedModel empty = EncodeModel(model);
  CheckRoundTrip(model);
  // A width and a decision of 1/90 bit for each of 57351 rows at most.
  CHECK(empty.table_bytes.size() == 7);
  size_t bytes = 0;
  for (const size_t table : empty.table_bytes) bytes += table;
  CHECK(bytes < 20);
  // One row in eight of one table holds codes -1, 0 and 1, as likely each.
  const auto first = static_cast<size_t>(2 * config.memory_rules[0].rows() * config.memory_width);
  constexpr size_t kRows = 1 << 13;
  size_t numbers = 0;
  for (size_t row = 0; row < kRows; ++row) {
    if (random.Below(8) != 0) continue;
    numbers += kMemoryWidth;
    for (size_t k = 0; k < kMemoryWidth; ++k)
      model.memory.codes[first + row * kMemoryWidth + k] =
          static_cast<int8_t>(static_cast<int>(random.Below(3)) - 1);
  }
  CheckRoundTrip(model);
  const CodedModel coded = EncodeModel(model);
  const double flags = kRows * 0.5436;  // the entropy of one in eight
  const double bits = flags + static_cast<double>(numbers) * std::log2(3.0);
  CHECK(8.0 * static_cast<double>(coded.table_bytes[2]) == Approx(bits).epsilon(0.03));
  CHECK(coded.MemoryBytes(config) > coded.table_bytes[2]);
  CHECK(coded.MemoryBytes(config) < coded.bytes.size());
}

TEST_CASE("Model codec: every flipped bit, lost or added byte is found") {
  ModelConfig config = FamilyConfig(16);
  config.layers = 2;
  config.windows.resize(2);
  config.memory_rules = {{RuleKind::kSymbols, 3, 6}};
  config.memory_gate = 1;
  const Bytes coded = EncodeModel(testing::RandomModel(config, 8)).bytes;
  Random random(9);
  for (size_t i = 0; i < 400; i += kEvery) {
    Bytes damaged = coded;
    const size_t at = i < 100 ? i : random.Below(damaged.size());
    damaged[at] = static_cast<uint8_t>(damaged[at] ^ (1u << random.Below(8)));
    INFO(at);
    CHECK(ThrownBy([&] { DecodeModel(damaged, "test"); }).kind == ErrorKind::kDamaged);
  }
  for (const size_t length :
       {size_t{0}, size_t{7}, size_t{20}, coded.size() - 33, coded.size() - 1}) {
    const auto part = std::span(coded).first(length);
    CHECK(ThrownBy([&] { DecodeModel(part, "test"); }).kind == ErrorKind::kDamaged);
  }
  Bytes longer = coded;
  longer.push_back(0);
  CHECK(ThrownBy([&] { DecodeModel(longer, "test"); }).kind == ErrorKind::kDamaged);
}

// The beginning of a coded model of this configuration, then these bytes.
Bytes WithHead(const ModelConfig& config, std::span<const uint8_t> stream) {
  ByteWriter out;
  const Bytes start = EncodeModel(NormalModel(1, 1)).bytes;
  for (const uint8_t byte : std::span(start).first(16)) out.Put(byte);
  QuantizedModel head;
  head.config = config;
  PutModelHead(head, &out);
  out.PutBytes(stream);
  return out.Take();
}

TEST_CASE("Model codec: a small file cannot ask for more memory than the limit") {
  const Bytes file = WithHead(FamilyConfig(4096), Bytes(100));
  const Thrown thrown = ThrownBy([&] { DecodeModel(file, "test"); });
  CHECK(thrown.kind == ErrorKind::kMemory);
  INFO(thrown.message);
  CHECK(thrown.Mentions("test needs 1.41 GB of memory, more than the limit of 1 GB"));
  CHECK(ReadModelHead(file, "test").config == FamilyConfig(4096));
}

TEST_CASE("Model codec: noise is found to be no model before there is room for its weights") {
  const Bytes noise = Noise(300'000, 10);
  int asked = 0;
  const ReadLimits limits{kDefaultMemoryBytes, [&] { ++asked; }};
  const Bytes file = WithHead(FamilyConfig(3072), noise);
  const Thrown thrown = ThrownBy([&] { DecodeModel(file, "test", limits); });
  CHECK(thrown.kind == ErrorKind::kDamaged);
  CHECK(thrown.Mentions("embedding"));
  CHECK(asked == 0);  // no codes were decoded
}

TEST_CASE("Model codec: wide matrices of zeros come back, however few bytes they take") {
  ModelConfig config = FamilyConfig(512);
  config.layers = 1;
  config.windows.resize(1);
  QuantizedModel model = testing::RandomModel(config, 3);
  for (QuantizedTensor& tensor : model.tensors) {
    std::ranges::fill(tensor.codes, int8_t{0});
    std::ranges::fill(tensor.floats, 0.0f);
  }
  CHECK(static_cast<size_t>(ParameterCount(config)) > 1024 * EncodeModel(model).bytes.size());
  CheckRoundTrip(model);
}

TEST_CASE("Model codec: reading and coding ask often whether to keep on") {
  const QuantizedModel model = NormalModel(63, 11);
  int asked = 0;
  const Bytes coded = EncodeModel(model, [&] { ++asked; }).bytes;
  CHECK(asked >= 2);
  const ReadLimits stop{kDefaultMemoryBytes, [] { throw Error(ErrorKind::kCancelled, "enough"); }};
  CHECK(ThrownBy([&] { DecodeModel(coded, "test", stop); }).kind == ErrorKind::kCancelled);
}

}  // namespace
}  // namespace occam
