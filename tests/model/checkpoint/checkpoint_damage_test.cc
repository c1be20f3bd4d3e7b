// Checkpoints that are damaged, foreign or cannot be.
#include <array>
#include <bit>
#include <filesystem>
#include <fstream>
#include <optional>

#include "data/base/random.h"
#include "model/checkpoint/h5_file.h"
#include "model/quantized_model.h"
#include "tests/catch.h"
#include "tests/model/checkpoint/checkpoint_files.h"

namespace occam {
namespace {

// A file of which single bits are changed in place; writing thousands of files anew takes seconds.
class FlippableFile {
 public:
  FlippableFile() {
    SaveCheckpoint(path(), SampleCheckpoint());
    file_.open(path(), std::ios::binary | std::ios::in | std::ios::out);
  }
  std::string path() const { return folder_ / "x.h5"; }
  uint64_t size_bits() const { return 8 * std::filesystem::file_size(path()); }
  void Flip(uint64_t bit) {
    const auto at = static_cast<std::streamoff>(bit / 8);
    file_.seekg(at);
    const int byte = file_.get();
    file_.seekp(at);
    file_.put(static_cast<char>(byte ^ (1 << (bit % 8))));
    file_.flush();
    REQUIRE(file_.good());
  }
  std::optional<ErrorKind> Loading() const {
    return ThrownBy([&] { LoadCheckpoint(path()); }).kind;
  }

 private:
  TemporaryFolder folder_;
  std::fstream file_;
};

TEST_CASE("Checkpoint: every flipped bit of the user block is reported as damaged") {
  FlippableFile file;
  for (uint64_t bit = 0; bit < 8 * kUserBlockBytes; ++bit) {
    file.Flip(bit);
    REQUIRE(file.Loading() == ErrorKind::kDamaged);
    file.Flip(bit);
  }
  CHECK(file.Loading() == std::nullopt);
}

TEST_CASE("Checkpoint: 3,000 flipped bits anywhere are reported as damaged") {
  FlippableFile file;
  Random random(1);
  const uint64_t size_bits = file.size_bits();
  for (int i = 0; i < 3000; ++i) {
    const uint64_t bit = random.Below(size_bits);
    file.Flip(bit);
    REQUIRE(file.Loading() == ErrorKind::kDamaged);
    file.Flip(bit);
  }
  CHECK(file.Loading() == std::nullopt);
}

TEST_CASE("Checkpoint: truncations and additions are reported as damaged") {
  const FlippableFile file;
  const uint64_t whole = file.size_bits() / 8;
  std::filesystem::resize_file(file.path(), whole + 1);
  CHECK(file.Loading() == ErrorKind::kDamaged);
  for (uint64_t size = whole - 1; size > 0; size -= size < 600 ? 1 : 211) {
    std::filesystem::resize_file(file.path(), size);
    REQUIRE(file.Loading() == ErrorKind::kDamaged);
  }
}

TEST_CASE("Checkpoint: empty, foreign and newer files say what they are") {
  CHECK(LoadingOf({}).Mentions("empty"));
  const std::string text = "Call me Ishmael. Some years ago - never mind how long precisely";
  CHECK(LoadingOf(Bytes(text.begin(), text.end())).Mentions("no checkpoint of Occam"));
  CHECK(LoadingOf(Bytes(5000, 0)).kind == ErrorKind::kDamaged);
  CHECK(LoadingOf(H5Writer(0).Finish()).Mentions("no checkpoint of Occam"));
  Bytes newer = SavedSample();
  newer[8] = 3;
  CHECK(LoadingOf(newer).Mentions("version 3"));
  Bytes huge = SavedSample();
  std::fill(huge.begin() + 16, huge.begin() + 24, uint8_t{255});
  CHECK(LoadingOf(huge).Mentions("18446744073709551615"));
}

TEST_CASE("Checkpoint: a missing file and a folder are input errors") {
  const TemporaryFolder folder;
  CHECK(ThrownBy([&] { LoadCheckpoint(folder / "none.h5"); }).kind == ErrorKind::kIo);
  CHECK(ThrownBy([&] { LoadCheckpoint(folder.path()); }).kind == ErrorKind::kIo);
}

TEST_CASE("Checkpoint: a file is known by its first bytes") {
  const Bytes bytes = SavedSample();
  CHECK(IsCheckpoint(bytes));
  CHECK(IsCheckpoint(std::span(bytes).first(8)));
  CHECK_FALSE(IsCheckpoint(std::span(bytes).first(7)));
  CHECK_FALSE(IsCheckpoint(H5Writer(0).Finish()));
  CHECK_FALSE(IsCheckpoint({}));
}

// What follows has a digest that holds, so that only the loader's own checks are in the way.

TEST_CASE("Checkpoint: a value that is not finite is damaged, and its tensor named") {
  Checkpoint checkpoint = SampleCheckpoint();
  const ParameterIndex index(checkpoint.config);
  constexpr float kMark = 123.456f;
  const auto mark_bytes = std::bit_cast<std::array<uint8_t, 4>>(kMark);
  for (const uint32_t bits : {0x7fc00000u, 0x7f800000u, 0xff800000u, 0x7f800001u}) {
    for (const bool in_training : {false, true}) {
      Checkpoint marked = checkpoint;
      ParameterSet& set = in_training ? marked.training->tensors.at("average") : marked.weights;
      set.tensor(index.layers[0].wd)[2] = kMark;
      const TemporaryFolder folder;
      SaveCheckpoint(folder / "y.h5", marked);
      Bytes bytes = ReadFile(folder / "y.h5");
      const auto at = std::search(bytes.begin(), bytes.end(), mark_bytes.begin(), mark_bytes.end());
      REQUIRE(at != bytes.end());
      const auto sick = std::bit_cast<std::array<uint8_t, 4>>(bits);
      std::copy(sick.begin(), sick.end(), at);
      const Thrown thrown = LoadingOf(Sealed(bytes));
      CHECK(thrown.kind == ErrorKind::kDamaged);
      CHECK(thrown.Mentions(in_training ? "/training/tensors/average/layers.0.wd"
                                        : "/weights/layers.0.wd"));
      CHECK(thrown.Mentions("not finite (element 2)"));
    }
  }
}

// The parts of a checkpoint up to the weights, with one thing changed.
struct Changes {
  std::string missing_tensor{};
  std::string transposed_tensor{};
  std::string double_tensor{};
  int32_t contract = kContractVersion;  // 0: none is told
  int32_t layers = SampleConfig().layers;
  int32_t width = SampleConfig().width;
};

Bytes BuiltWith(const Changes& changes) {
  const ModelConfig config = SampleConfig();
  H5Writer file(static_cast<int64_t>(kUserBlockBytes));
  if (changes.contract != 0)
    file.WriteAttribute<int32_t>("/", "contract_version", changes.contract);
  file.CreateGroup("/config");
  file.WriteAttribute<int32_t>("/config", "vocabulary", config.vocabulary);
  file.WriteAttribute<int32_t>("/config", "width", changes.width);
  file.WriteAttribute<int32_t>("/config", "layers", changes.layers);
  file.WriteAttribute<int32_t>("/config", "heads", config.heads);
  file.WriteAttribute<int32_t>("/config", "kv_heads", config.kv_heads);
  file.WriteAttribute<int32_t>("/config", "mlp_factor", config.mlp_factor);
  file.WriteAttribute<int32_t>("/config", "conv_width", config.conv_width);
  file.WriteAttribute<int32_t>("/config", "context", config.context);
  const std::vector<int32_t> windows(static_cast<size_t>(std::max(0, changes.layers)), 0);
  file.WriteAttributeList<int32_t>("/config", "windows", windows);
  file.CreateGroup("/weights");
  for (const ParameterSpec& spec : ParameterTable(config)) {
    const auto size = static_cast<size_t>(spec.size());
    const std::string path = "/weights/" + spec.name;
    H5Shape shape = {spec.rows, spec.columns};
    if (spec.rows == 1) shape = {spec.columns};
    if (spec.name == changes.transposed_tensor) std::reverse(shape.begin(), shape.end());
    if (spec.name == changes.missing_tensor) continue;
    if (spec.name == changes.double_tensor) {
      file.WriteDataset<double>(path, shape, std::vector<double>(size));
    } else {
      file.WriteDataset<float>(path, shape, std::vector<float>(size));
    }
  }
  file.CreateGroup("/calibration");
  file.WriteAttribute<int32_t>("/calibration", "weight_bits", 7);
  file.WriteDataset<uint8_t>("/tokenizer", {1}, Bytes{1});
  file.CreateGroup("/provenance");
  for (const char* name : {"command_line", "code_version", "data_name", "data_sha256"})
    file.WriteText("/provenance", name, "");
  file.WriteAttribute<int64_t>("/provenance", "train_begin", 3);
  file.WriteAttribute<int64_t>("/provenance", "train_end", 5);
  file.WriteDataset<double>("/provenance/validation_curve", {0, 2}, {});
  return Sealed(file.Finish());
}

TEST_CASE("Checkpoint: one from before the validation part was kept has none") {
  const TemporaryFolder folder;
  WriteFile(folder / "old.h5", BuiltWith({}));
  const Checkpoint loaded = LoadCheckpoint(folder / "old.h5");
  REQUIRE(loaded.provenance.sources.size() == 1);
  CHECK(loaded.provenance.sources[0].train.begin == 3);
  CHECK(loaded.provenance.sources[0].train.end == 5);
  CHECK(loaded.provenance.sources[0].validation.size() == 0);
}

TEST_CASE("Checkpoint: a missing tensor, a wrong shape and a wrong type are named") {
  REQUIRE(LoadingOf(BuiltWith({})).kind == std::nullopt);
  for (const Changes& changes :
       {Changes{.missing_tensor = "layers.0.wu"}, Changes{.transposed_tensor = "layers.0.wu"},
        Changes{.double_tensor = "layers.0.wu"}}) {
    const Thrown thrown = LoadingOf(BuiltWith(changes));
    CHECK(thrown.kind == ErrorKind::kDamaged);
    CHECK(thrown.Mentions("/weights/layers.0.wu"));
  }
}

TEST_CASE(
    "Checkpoint: one that was trained for another numeric contract is refused by its number") {
  for (const int32_t contract : {0, kContractVersion - 1, kMemoryContract + 1}) {
    const Thrown thrown = LoadingOf(BuiltWith({.contract = contract}));
    CHECK(thrown.kind == ErrorKind::kDamaged);
    CHECK(thrown.Mentions("contract " + std::to_string(contract == 0 ? 2 : contract)));
  }
}

TEST_CASE("Checkpoint: a configuration that cannot be, or is larger than the file, is damaged") {
  CHECK(LoadingOf(BuiltWith({.layers = -1})).kind == ErrorKind::kDamaged);
  CHECK(LoadingOf(BuiltWith({.layers = INT32_MAX / (1 << 20)})).kind == ErrorKind::kDamaged);
  CHECK(LoadingOf(BuiltWith({.width = 17})).kind == ErrorKind::kDamaged);
  // 256 layers of width 512 would be 2.4 GB of weights.
  CHECK(LoadingOf(BuiltWith({.layers = 256, .width = 512})).Mentions("smaller than the network"));
}
}  // namespace
}  // namespace occam
