// The .occm block, and what the exact network accepts.
#include <limits>

#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "tests/catch.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

using testing::RandomModel;
using testing::TestConfig;

QuantizedModel SmallModel() {
  QuantizedModel model = RandomModel(TestConfig(3, 8, 1, 1, 1, 2, 4, {2}), 1);
  model.tokenizer = {1, 2, 3};
  return model;
}

ErrorKind KindOf(const std::function<void()>& job) {
  try {
    job();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::kInternal;
}

bool IsDamaged(std::span<const uint8_t> bytes) {
  return KindOf([&] { ParseModel(bytes, "test.occm"); }) == ErrorKind::kDamaged;
}

// A block with a digest that matches whatever it holds.
Bytes Sealed(Bytes bytes) {
  bytes.resize(bytes.size() - 32);
  const Sha256Digest digest = Sha256Of(bytes);
  bytes.insert(bytes.end(), digest.begin(), digest.end());
  return bytes;
}

void PutAt(Bytes* bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) (*bytes)[at + i] = static_cast<uint8_t>(value >> (8 * i));
}

TEST_CASE("Model file: what is written is read back, with the same id") {
  const QuantizedModel model = SmallModel();
  const Bytes bytes = SerialiseModel(model);
  CHECK(IsModelFile(bytes));
  const QuantizedModel back = ParseModel(bytes, "test.occm");
  CHECK(back.config == model.config);
  CHECK(back.tokenizer == model.tokenizer);
  CHECK(back.key_scales == model.key_scales);
  CHECK(back.value_scales == model.value_scales);
  REQUIRE(back.tensors.size() == model.tensors.size());
  for (size_t i = 0; i < back.tensors.size(); ++i) {
    CHECK(back.tensors[i].codes == model.tensors[i].codes);
    CHECK(back.tensors[i].floats == model.tensors[i].floats);
  }
  CHECK(ModelId(back) == ModelId(model));
  CHECK(SerialiseModel(back) == bytes);
}

QuantizedModel SmallMemoryModel() {
  ModelConfig config = TestConfig(3, 8, 1, 1, 1, 2, 4, {2, 0});
  config.memory_rules = {{RuleKind::kSymbols, 2, 4}, {RuleKind::kWords, 1, 5}};
  config.memory_width = 8;
  config.memory_gate = 1;
  QuantizedModel model = RandomModel(config, 1);
  model.tokenizer = {1, 2, 3};
  return model;
}

TEST_CASE("Model file: one with a memory is of contract 4, and read back with the same id") {
  const QuantizedModel model = SmallMemoryModel();
  const Bytes bytes = SerialiseModel(model);
  CHECK(bytes[12] == kMemoryContract);
  CHECK(SerialiseModel(SmallModel())[12] == kContractVersion);
  const QuantizedModel back = ParseModel(bytes, "test.occm");
  CHECK(back.config == model.config);
  CHECK(back.memory.step == model.memory.step);
  CHECK(back.memory.codes == model.memory.codes);
  CHECK(ModelId(back) == ModelId(model));
  CHECK(SerialiseModel(back) == bytes);
  QuantizedModel other = model;
  other.memory.codes[9] ^= 1;
  CHECK(ModelId(other) != ModelId(model));
  other = model;
  other.memory.step *= 2;
  CHECK(ModelId(other) != ModelId(model));
}

TEST_CASE("Model file: of one with a memory, too, every truncation and flipped bit is damage") {
  Bytes bytes = SerialiseModel(SmallMemoryModel());
  for (size_t n = 0; n < bytes.size(); ++n) REQUIRE(IsDamaged(std::span(bytes).first(n)));
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    bytes[i / 8] ^= static_cast<uint8_t>(1u << (i % 8));
    REQUIRE(IsDamaged(bytes));
    bytes[i / 8] ^= static_cast<uint8_t>(1u << (i % 8));
  }
}

TEST_CASE("Model: a memory of another shape, step or code than is allowed is refused") {
  const QuantizedModel good = SmallMemoryModel();
  const auto refused = [&](const auto& change) {
    QuantizedModel model = good;
    change(model);
    CHECK(KindOf([&] { CheckModel(model, "m"); }) == ErrorKind::kDamaged);
  };
  refused([](QuantizedModel& m) { m.memory.codes.pop_back(); });
  refused([](QuantizedModel& m) { m.memory.codes.back() = 64; });
  refused([](QuantizedModel& m) { m.memory.codes.back() = -64; });
  for (const float step : {0.0f, 2048.0f, -0.5f, 0x1p-61f, 0x1.000002p-1f})
    refused([&](QuantizedModel& m) { m.memory.step = step; });
  QuantizedModel plain = SmallModel();
  plain.memory.step = 0.5f;
  CHECK(KindOf([&] { CheckModel(plain, "m"); }) == ErrorKind::kDamaged);
}

TEST_CASE("Model file: every truncation and every extension is reported as damaged") {
  Bytes bytes = SerialiseModel(SmallModel());
  for (size_t n = 0; n < bytes.size(); ++n) REQUIRE(IsDamaged(std::span(bytes).first(n)));
  bytes.push_back(0);
  CHECK(IsDamaged(bytes));
}

TEST_CASE("Model file: every flipped bit is reported as damaged") {
  Bytes bytes = SerialiseModel(SmallModel());
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    bytes[i / 8] ^= static_cast<uint8_t>(1u << (i % 8));
    REQUIRE(IsDamaged(bytes));
    bytes[i / 8] ^= static_cast<uint8_t>(1u << (i % 8));
  }
  CHECK_NOTHROW(ParseModel(bytes, "test.occm"));
}

TEST_CASE("Model file: fields that were set to anything, with a digest that fits, are refused") {
  const Bytes good = SerialiseModel(SmallModel());
  // docs/spec/occm.md: versions at 8 and 12, the configuration from 24, one window at 56, tokenizer
  // length at 60.
  for (size_t at = 8; at < 64; at += 4) {
    for (const uint32_t value : {0xffffffffu, 0x80000000u, 0x7fffffffu, 0x10000u, 4096u, 12u}) {
      Bytes bytes = good;
      PutAt(&bytes, at, value);
      if (bytes == good) continue;
      // A context or a window of another length is another valid model.
      const bool may_be_valid = at == 52 || at == 56;
      if (may_be_valid && value <= 0x10000u) continue;
      INFO("offset " << at << " value " << value);
      CHECK(IsDamaged(Sealed(bytes)));
    }
  }
}

TEST_CASE("Model file: foreign bytes are damaged") {
  const std::string text = "\x89HDF\r\n\x1a\n and so on";
  CHECK_FALSE(IsModelFile(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size())));
  CHECK(IsDamaged({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
  CHECK_FALSE(IsModelFile({}));
}

TEST_CASE("Model: values beyond the contract's bounds are refused, and the tensor is named") {
  const QuantizedModel good = SmallModel();
  const auto table = ParameterTable(good.config);
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (size_t t = 0; t < table.size(); ++t) {
    for (const float bad : {infinity, nan, -infinity, 512.0f, 0x1p-70f, -0.0f, 0x1.000002p-1f}) {
      QuantizedModel model = good;
      model.tensors[t].floats.back() = bad;
      CHECK_THROWS_WITH(CheckModel(model, "m"), ContainsSubstring(table[t].name));
    }
    if (table[t].coding == Coding::kFloats) continue;
    for (const int8_t bad : {int8_t{64}, int8_t{-64}, int8_t{-128}}) {
      QuantizedModel model = good;
      model.tensors[t].codes.back() = bad;
      CHECK_THROWS_WITH(CheckModel(model, "m"), ContainsSubstring(table[t].name));
    }
    QuantizedModel model = good;
    model.tensors[t].floats.pop_back();
    CHECK(KindOf([&] { CheckModel(model, "m"); }) == ErrorKind::kDamaged);
  }
  for (const float bad : {0.0f, -1.0f, infinity, nan, 0x1p21f, 0x1p-41f, 0x1.000002p-1f}) {
    QuantizedModel model = good;
    model.key_scales[0] = bad;
    CHECK(KindOf([&] { CheckModel(model, "m"); }) == ErrorKind::kDamaged);
    model = good;
    model.value_scales[0] = bad;
    CHECK(KindOf([&] { CheckModel(model, "m"); }) == ErrorKind::kDamaged);
  }
}

TEST_CASE("Model id: every part of the model has a share in it") {
  const QuantizedModel model = SmallModel();
  const Sha256Digest id = ModelId(model);
  for (size_t t = 0; t < model.tensors.size(); ++t) {
    QuantizedModel other = model;
    other.tensors[t].floats[0] *= 0.5f;
    CHECK(ModelId(other) != id);
    if (model.tensors[t].codes.empty()) continue;
    other = model;
    other.tensors[t].codes[0] = static_cast<int8_t>(other.tensors[t].codes[0] == 0 ? 1 : 0);
    CHECK(ModelId(other) != id);
  }
  QuantizedModel other = model;
  other.config.windows[0] = 3;
  CHECK(ModelId(other) != id);
  other = model;
  other.tokenizer[0] = 7;
  CHECK(ModelId(other) != id);
  other = model;
  other.value_scales[0] *= 2;
  CHECK(ModelId(other) != id);
}

}  // namespace
}  // namespace occam
