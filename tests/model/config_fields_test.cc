// A configuration as a list of fields.
#include "model/config_fields.h"

#include "data/base/error.h"
#include "model/parameters.h"
#include "model/quantized_model.h"
#include "tests/catch.h"
#include "tests/model/exact/exact_testing.h"
#include "tests/model/exact/llama_testing.h"

namespace occam {
namespace {

Bytes Written(const ModelConfig& config) {
  ByteWriter out;
  PutConfigFields(config, &out);
  return out.Take();
}

ModelConfig Read(const Bytes& bytes) {
  ByteReader in(bytes, "test");
  ModelConfig config = GetConfigFields(&in);
  CHECK(in.remaining() == 0);
  return config;
}

ModelConfig WithMemory() {
  ModelConfig config = FamilyConfig(48);
  SetMemory("small", &config);
  return config;
}

// Where field `id` begins.
size_t FieldAt(const Bytes& bytes, uint32_t id) {
  ByteReader in(bytes, "test");
  in.Get<uint32_t>();
  while (true) {
    const size_t at = in.position();
    if (in.Get<uint32_t>() == id) return at;
    in.GetBytes(in.Get<uint32_t>());
  }
}

TEST_CASE("Fields: every configuration goes to a list and back, those of contract 3 among them") {
  for (const auto& [name, config] : testing::TestConfigs()) {
    INFO(name);
    CHECK(Read(Written(config)) == config);
    CHECK(ContractOf(config) == kContractVersion);
  }
  for (const char* size : {"tiny", "small", "medium", "large"}) {
    ModelConfig config = FamilyConfig(96);
    SetMemory(size, &config);
    CHECK(Read(Written(config)) == config);
    CHECK(ContractOf(config) == kMemoryContract);
  }
  ModelConfig config = WithMemory();
  config.memory_gate = kNoGate;
  config.memory_width = 8;
  CHECK(Read(Written(config)) == config);
}

ModelConfig WithSignals() {
  ModelConfig config = FamilyConfig(48);
  SetSignals("patches", &config);
  return config;
}

TEST_CASE("Fields: signals, too, go to a list and back") {
  std::vector<testing::NamedConfig> all = testing::SignalConfigs();
  for (testing::NamedConfig& config : testing::LatticeConfigs()) all.push_back(std::move(config));
  for (testing::NamedConfig& config : testing::KindConfigs()) all.push_back(std::move(config));
  for (const auto& [name, config] : all) {
    INFO(name);
    CHECK(Read(Written(config)) == config);
    CHECK(ContractOf(config) == kMemoryContract);
  }
  const Bytes bytes = Written(WithSignals());
  Bytes unknown = bytes;
  unknown[FieldAt(bytes, 32) + 8] = kSignalRules + 1;
  ByteReader in(unknown, "model.occm");
  CHECK_THROWS_WITH(GetConfigFields(&in),
                    ContainsSubstring("rule 11") && ContainsSubstring("newer Occam"));
  for (const auto& [id, value] : {std::pair(35u, 2), {35u, 0}, {33u, 0}, {34u, 0}}) {
    Bytes wrong = bytes;
    wrong[FieldAt(bytes, id) + 8] = static_cast<uint8_t>(value);
    ByteReader list(wrong, "test");
    CHECK_THROWS_AS(GetConfigFields(&list), Error);
  }
  // Of kinds an entry is 0 or 1, and one of them has signals.
  ModelConfig with_kinds = WithSignals();
  SetKinds({0, 1, 0}, &with_kinds);
  const Bytes kinds = Written(with_kinds);
  const size_t first = FieldAt(kinds, 36) + 8;
  for (const auto& [place, value] :
       {std::pair(first, 2), {first + 4, 0}, {first + 1, 1}, {first + 3, 255}}) {
    Bytes wrong = kinds;
    wrong[place] = static_cast<uint8_t>(value);
    ByteReader list(wrong, "test");
    CHECK_THROWS_AS(GetConfigFields(&list), Error);
  }
}

TEST_CASE("Fields: imported networks go to a list and back; their fields belong together") {
  for (const auto& [name, config] : testing::AllImportedConfigs()) {
    INFO(name);
    CHECK(Read(Written(config)) == config);
    CHECK(ContractOf(config) == kMemoryContract);
  }
  const Bytes good = Written(testing::LlamaConfigs()[1].config);
  for (size_t n = 0; n < good.size(); ++n) {
    const Bytes cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(n));
    ByteReader in(cut, "test");
    CHECK_THROWS_AS(GetConfigFields(&in), Error);
  }
  Bytes other_shape = good;
  other_shape[FieldAt(good, 64) + 8] = 9;
  ByteReader in(other_shape, "model.occm");
  CHECK_THROWS_WITH(GetConfigFields(&in),
                    ContainsSubstring("shape 9") && ContainsSubstring("newer Occam"));
  // Without the shape, with the other fields.
  Bytes shapeless = good;
  const auto at = shapeless.begin() + static_cast<ptrdiff_t>(FieldAt(good, 64));
  shapeless.erase(at, at + 12);
  --shapeless[0];
  ByteReader without(shapeless, "test");
  CHECK_THROWS_AS(GetConfigFields(&without), Error);
}

TEST_CASE("Fields: a network is fine by a field that says 1, or it is not there") {
  const ModelConfig config = testing::FineConfigs()[0].config;
  const Bytes good = Written(config);
  CHECK(Read(good).llama->fine);
  CHECK(Describe(config).find("fine") != std::string::npos);
  const size_t at = FieldAt(good, 72) + 8;
  for (const uint8_t value : {0, 2, 255}) {
    Bytes wrong = good;
    wrong[at] = value;
    ByteReader in(wrong, "test");
    CHECK_THROWS_AS(GetConfigFields(&in), Error);
  }
  Bytes high = good;
  high[at + 3] = 1;
  Bytes shorter = good;
  shorter[at - 4] = 3;
  Bytes of_family = Written(WithMemory());  // a list of another network, and the field after it
  of_family.insert(of_family.end(), good.begin() + static_cast<ptrdiff_t>(at) - 8, good.end());
  ++of_family[0];
  for (const Bytes& bad : {high, shorter, of_family}) {
    ByteReader in(bad, "test");
    CHECK_THROWS_AS(GetConfigFields(&in), Error);
  }
  // Rests are no parameters of their own.
  CHECK(ParameterCount(config) == ParameterCount(testing::LlamaConfigs()[0].config));
}

TEST_CASE("Fields: an id that is not known is refused by its number") {
  Bytes bytes = Written(WithMemory());
  bytes[FieldAt(bytes, 18)] = 77;
  ByteReader in(bytes, "model.occm");
  CHECK_THROWS_WITH(GetConfigFields(&in), ContainsSubstring("field 77") &&
                                              ContainsSubstring("newer Occam") &&
                                              ContainsSubstring("model.occm"));
}

TEST_CASE("Fields: a list in another form, cut short or out of bounds is damaged") {
  const Bytes good = Written(WithMemory());
  for (size_t n = 0; n < good.size(); ++n) {
    const Bytes cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(n));
    ByteReader in(cut, "test");
    CHECK_THROWS_AS(GetConfigFields(&in), Error);
  }
  // A field that has its default, two fields in the other order, one that comes twice.
  ModelConfig config = WithMemory();
  config.memory_gate = 3;
  const Bytes bytes = Written(config);
  const size_t rules = FieldAt(bytes, 16), gate = FieldAt(bytes, 18);
  Bytes swapped(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(rules));
  swapped.insert(swapped.end(), bytes.begin() + static_cast<ptrdiff_t>(gate), bytes.end());
  swapped.insert(swapped.end(), bytes.begin() + static_cast<ptrdiff_t>(rules),
                 bytes.begin() + static_cast<ptrdiff_t>(gate));
  Bytes twice = bytes;
  twice.insert(twice.end(), bytes.begin() + static_cast<ptrdiff_t>(gate), bytes.end());
  ++twice[0];
  Bytes default_width = twice;
  default_width[bytes.size()] = 17;
  default_width[bytes.size() + 8] = kMemoryWidth;
  for (const Bytes& bad : {swapped, twice, default_width}) {
    ByteReader in(bad, "test");
    CHECK_THROWS_AS(GetConfigFields(&in), Error);
  }
}

TEST_CASE("Config: a memory that does not fit together is refused") {
  const ModelConfig good = WithMemory();
  CHECK_NOTHROW(CheckConfig(good, ErrorKind::kUsage));
  const auto refused = [&](const auto& change) {
    ModelConfig config = good;
    change(config);
    CHECK_THROWS_AS(CheckConfig(config, ErrorKind::kUsage), Error);
  };
  refused([](ModelConfig& c) { c.memory_rules[0].count = 9; });
  refused([](ModelConfig& c) { c.memory_rules[0].count = 0; });
  refused([](ModelConfig& c) { c.memory_rules[6].count = 4; });
  refused([](ModelConfig& c) { c.memory_rules[0].bits = 23; });
  refused([](ModelConfig& c) { c.memory_rules[0].kind = RuleKind{3}; });
  refused([](ModelConfig& c) { c.memory_rules[1] = c.memory_rules[0]; });
  refused([](ModelConfig& c) { c.memory_rules.resize(17); });
  refused([](ModelConfig& c) { c.memory_width = 12; });
  refused([](ModelConfig& c) { c.memory_gate = c.layers; });
  refused([](ModelConfig& c) { c.memory_gate = 0; });
  refused([](ModelConfig& c) { c.memory_rules.clear(); });  // the gate is left
  ModelConfig config = good;
  CHECK_THROWS_WITH(SetMemory("huge", &config), ContainsSubstring("huge"));
}

TEST_CASE("Config: signals that do not fit together are refused") {
  const ModelConfig good = WithSignals();
  CHECK_NOTHROW(CheckConfig(good, ErrorKind::kUsage));
  const auto refused = [&](const auto& change) {
    ModelConfig config = good;
    change(config);
    CHECK_THROWS_AS(CheckConfig(config, ErrorKind::kUsage), Error);
  };
  refused([](ModelConfig& c) { c.vocabulary = 257; });
  refused([](ModelConfig& c) { c.record_width = 0; });
  refused([](ModelConfig& c) { c.record_height = kMaxRecordSide + 1; });
  refused([](ModelConfig& c) { c.signal_rules[1] = c.signal_rules[0]; });
  refused([](ModelConfig& c) { c.signal_rules[0] = SignalRule{kSignalRules + 1}; });
  refused([](ModelConfig& c) { c.signal_rules[0] = SignalRule::kEdge; });  // of no lattice
  refused([](ModelConfig& c) { c.signal_rules[0] = SignalRule::kKind; });  // of which are none
  refused([](ModelConfig& c) { SetKinds({1}, &c); });
  refused([](ModelConfig& c) { SetKinds({0, 0}, &c); });
  refused([](ModelConfig& c) { SetKinds({1, 2}, &c); });
  refused([](ModelConfig& c) { SetKinds(std::vector<uint8_t>(kMaxKinds + 1, 1), &c); });
  refused([](ModelConfig& c) {
    SetSignals("none", &c);
    c.kinds = {0, 1};
  });
  refused([](ModelConfig& c) { c.signal_rules[0] = SignalRule{0}; });
  for (const int32_t quality : {0, kMaxQuality + 1})
    refused([&](ModelConfig& c) { c.lattice_qualities = {quality}; });
  refused([](ModelConfig& c) { c.lattice_qualities = {96, 75, 96}; });
  refused([](ModelConfig& c) {
    for (int32_t quality = 1; quality <= kMaxQualities + 1; ++quality)
      c.lattice_qualities.push_back(quality);
  });
  refused([](ModelConfig& c) {
    c.lattice_qualities = {96};
    c.record_height = 30;
  });
  refused([](ModelConfig& c) {  // sides of no record
    c.signal_rules.clear();
    c.residual = false;
  });
  ModelConfig config = good;
  CHECK_THROWS_WITH(SetSignals("sound", &config), ContainsSubstring("sound"));
  CHECK(ParameterCount(good) ==
        ParameterCount(FamilyConfig(48)) + (64 + 32 + 256 + 4 * kSignalLevels) * 48);
}

}  // namespace
}  // namespace occam
