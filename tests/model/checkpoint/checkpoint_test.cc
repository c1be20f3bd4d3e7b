#include "model/checkpoint/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "model/checkpoint/h5_file.h"
#include "tests/catch.h"
#include "tests/model/checkpoint/checkpoint_files.h"

namespace occam {
namespace {

TEST_CASE("Checkpoint: everything comes back bit for bit") {
  const TemporaryFolder folder;
  const Checkpoint saved = SampleCheckpoint();
  SaveCheckpoint(folder / "x.h5", saved);
  const Checkpoint loaded = LoadCheckpoint(folder / "x.h5");

  CHECK(loaded.config == saved.config);
  CHECK(SameBits(loaded.weights.values(), saved.weights.values()));
  CHECK(SameBits(loaded.calibration.row_steps, saved.calibration.row_steps));
  CHECK(SameBits(loaded.calibration.key_maxima, saved.calibration.key_maxima));
  CHECK(SameBits(loaded.calibration.value_maxima, saved.calibration.value_maxima));
  CHECK(loaded.tokenizer == saved.tokenizer);

  REQUIRE(loaded.training.has_value());
  CHECK(loaded.training->counters == saved.training->counters);
  CHECK(loaded.training->numbers == saved.training->numbers);
  CHECK(std::signbit(loaded.training->numbers.at("minus zero")));
  CHECK(loaded.training->texts == saved.training->texts);
  CHECK(loaded.training->lists == saved.training->lists);
  REQUIRE(loaded.training->tensors.size() == 2);
  for (const auto& [name, set] : saved.training->tensors)
    CHECK(SameBits(loaded.training->tensors.at(name).values(), set.values()));

  CHECK(loaded.provenance.command_line == saved.provenance.command_line);
  CHECK(loaded.provenance.code_version == saved.provenance.code_version);
  CHECK(loaded.provenance.data_name == saved.provenance.data_name);
  CHECK(loaded.provenance.data_sha256 == saved.provenance.data_sha256);
  REQUIRE(loaded.provenance.sources.size() == 1);
  const TrainingSource& source = loaded.provenance.sources[0];
  CHECK_FALSE(IsMixture(loaded.provenance.sources));
  CHECK(source.data_name == saved.provenance.data_name);
  CHECK(source.train_sha256 == saved.provenance.data_sha256);
  CHECK(source.train.begin == 5);
  CHECK(source.train.end == 1'000'000'000'000);
  CHECK(source.validation.begin == 1'000'000'000'000);
  CHECK(source.validation.end == 1'000'000'000'007);
  REQUIRE(loaded.provenance.validation_curve.size() == 2);
  CHECK(loaded.provenance.validation_curve[1].bytes_seen == 2e6);
  CHECK(loaded.provenance.validation_curve[1].bits_per_byte == 0.1 + 0.2);
}

TEST_CASE("Checkpoint: a released model has no training state, a young one no calibration") {
  const TemporaryFolder folder;
  Checkpoint saved = SampleCheckpoint();
  saved.training.reset();
  saved.calibration = {};
  saved.provenance = {};
  saved.tokenizer = {};
  SaveCheckpoint(folder / "x.h5", saved);
  const Checkpoint loaded = LoadCheckpoint(folder / "x.h5");
  CHECK_FALSE(loaded.training.has_value());
  CHECK(loaded.calibration.key_maxima.empty());
  CHECK(loaded.provenance.command_line.empty());
  CHECK(loaded.provenance.sources.empty());
  CHECK(loaded.provenance.validation_curve.empty());
  CHECK(SameBits(loaded.weights.values(), saved.weights.values()));

  saved.training = TrainingState{};
  SaveCheckpoint(folder / "x.h5", saved);
  CHECK(LoadCheckpoint(folder / "x.h5").training.has_value());
}

TEST_CASE("Checkpoint: a network without convolutions comes back") {
  const TemporaryFolder folder;
  ModelConfig config = SampleConfig();
  config.conv_width = 0;
  Checkpoint saved{config, ParameterSet(config), {}, {1}, std::nullopt, {}};
  Randomise(&saved.weights, 3);
  SaveCheckpoint(folder / "x.h5", saved);
  CHECK(LoadCheckpoint(folder / "x.h5").config == config);
}

TEST_CASE("Checkpoint: a memory, its step and the optimizer's arrays come back bit for bit") {
  const TemporaryFolder folder;
  ModelConfig config = SampleConfig();
  config.memory_rules = {{RuleKind::kSymbols, 3, 5}, {RuleKind::kWords, 2, 4}};
  config.memory_width = 8;
  config.memory_gate = 1;
  Checkpoint saved{config, ParameterSet(config), {}, {1}, TrainingState{}, {}, MemoryRows(config)};
  Randomise(&saved.weights, 3);
  for (size_t i = 0; i < saved.memory.values.size(); i += 3)
    saved.memory.values[i] = 1 / (1 + static_cast<float>(i));
  saved.calibration.memory_step = 0x1.8p-4f;
  saved.training->arrays["memory.counts"] = {1, 2.5f, 0};
  SaveCheckpoint(folder / "x.h5", saved);
  const Checkpoint loaded = LoadCheckpoint(folder / "x.h5");
  CHECK(loaded.config == config);
  CHECK(loaded.memory == saved.memory);
  CHECK(loaded.calibration.memory_step == saved.calibration.memory_step);
  CHECK(loaded.training->arrays == saved.training->arrays);
  saved.memory.values.pop_back();
  CHECK(ThrownBy([&] { SaveCheckpoint(folder / "y.h5", saved); }).kind == ErrorKind::kInternal);
}

TEST_CASE("Checkpoint: signals come back, with rules and without") {
  const TemporaryFolder folder;
  ModelConfig config = SampleConfig();
  config.vocabulary = 256;
  SetSignals("patches", &config);
  config.record_height = 5;
  for (const bool rules : {true, false}) {
    if (!rules) config.signal_rules.clear();
    Checkpoint saved{config, ParameterSet(config), {}, {1}, std::nullopt, {}};
    Randomise(&saved.weights, 4);
    SaveCheckpoint(folder / "x.h5", saved);
    const Checkpoint loaded = LoadCheckpoint(folder / "x.h5");
    CHECK(loaded.config == config);
    CHECK(std::ranges::equal(loaded.weights.values(), saved.weights.values()));
  }
  SetKinds({0, 1}, &config);
  config.residual = true;
  config.record_height = 8;
  config.lattice_qualities = {96, 75};
  Checkpoint saved{config, ParameterSet(config), {}, {1}, std::nullopt, {}};
  saved.provenance.sources = {{.name = "texts"}, {.name = "patches", .kind = 1}};
  SaveCheckpoint(folder / "x.h5", saved);
  const Checkpoint loaded = LoadCheckpoint(folder / "x.h5");
  CHECK(loaded.config == config);
  REQUIRE(loaded.provenance.sources.size() == 2);
  CHECK(loaded.provenance.sources[0].kind == 0);
  CHECK(loaded.provenance.sources[1].kind == 1);
}

TEST_CASE("Checkpoint: the same contents give the same file") {
  CHECK(SavedSample() == SavedSample());
}

// As what Muon trains has no second moments.
Checkpoint SampleWithZeros() {
  Checkpoint sample = SampleCheckpoint();
  ParameterSet& average = sample.training->tensors.at("average");
  const ParameterIndex index(sample.config);
  std::ranges::fill(average.tensor(index.layers[1].wu), 0.0f);
  std::ranges::fill(average.tensor(index.head), -0.0f);
  return sample;
}

TEST_CASE("Checkpoint: a tensor of zeros in the training state takes no room and comes back") {
  const TemporaryFolder folder;
  SaveCheckpoint(folder / "full.h5", SampleCheckpoint());
  const Checkpoint saved = SampleWithZeros();
  SaveCheckpoint(folder / "x.h5", saved);
  const auto wu = static_cast<uint64_t>(
      4 * saved.weights.tensor(ParameterIndex(saved.config).layers[1].wu).size());
  CHECK(std::filesystem::file_size(folder / "x.h5") + wu <=
        std::filesystem::file_size(folder / "full.h5"));
  const Checkpoint loaded = LoadCheckpoint(folder / "x.h5");
  CHECK(SameBits(loaded.training->tensors.at("average").values(),
                 saved.training->tensors.at("average").values()));
  // The tensor that is minus zero is there, since its bits are not zero.
  const Bytes bytes = ReadFile(folder / "x.h5");
  const H5Reader file(bytes, "x.h5");
  CHECK(file.Has("/training/tensors/average/head"));
  CHECK_FALSE(file.Has("/training/tensors/average/layers.1.wu"));
}

TEST_CASE("Checkpoint: format version 1 is read, and there a missing tensor is damage") {
  const TemporaryFolder folder;
  // The sample has no tensor of zeros: so it is a file of version 1 but for the number.
  WritePlainly(folder / "old.h5", Sealed(SavedSample(), 1));
  const Checkpoint sample = SampleCheckpoint();
  const Checkpoint loaded = LoadCheckpoint(folder / "old.h5");
  for (const auto& [name, set] : sample.training->tensors)
    CHECK(SameBits(loaded.training->tensors.at(name).values(), set.values()));

  SaveCheckpoint(folder / "x.h5", SampleWithZeros());
  const Bytes bytes = ReadFile(folder / "x.h5");
  CHECK(LoadingOf(Sealed(bytes, 2)).kind == std::nullopt);
  const Thrown thrown = LoadingOf(Sealed(bytes, 1));
  CHECK(thrown.kind == ErrorKind::kDamaged);
  CHECK(thrown.Mentions("/training/tensors/average/layers.1.wu"));
}

TEST_CASE("Checkpoint: programs that know format version 1 alone read released models") {
  const TemporaryFolder folder;
  Checkpoint released = SampleCheckpoint();
  CHECK(SavedSample()[8] == 2);
  released.training.reset();
  SaveCheckpoint(folder / "x.h5", released);
  CHECK(ReadFile(folder / "x.h5")[8] == 1);
}

TEST_CASE("Checkpoint: a value that is not finite is not saved, and what was there stays") {
  const TemporaryFolder folder;
  SaveCheckpoint(folder / "x.h5", SampleCheckpoint());
  const Bytes before = ReadFile(folder / "x.h5");
  Checkpoint sick = SampleCheckpoint();
  const ParameterIndex index(sick.config);
  sick.weights.tensor(index.layers[1].wq)[17] = std::numeric_limits<float>::quiet_NaN();
  Thrown thrown = ThrownBy([&] { SaveCheckpoint(folder / "x.h5", sick); });
  CHECK(thrown.kind == ErrorKind::kInternal);
  CHECK(thrown.Mentions("/weights/layers.1.wq"));
  CHECK(thrown.Mentions("17"));

  sick = SampleCheckpoint();
  sick.training->tensors.at("average").tensor(index.head)[0] =
      -std::numeric_limits<float>::infinity();
  thrown = ThrownBy([&] { SaveCheckpoint(folder / "x.h5", sick); });
  CHECK(thrown.Mentions("/training/tensors/average/head"));
  CHECK(ReadFile(folder / "x.h5") == before);
  CHECK(folder.size() == 1);
}

TEST_CASE("Checkpoint: where it cannot be written, that is an input or output error") {
  const TemporaryFolder folder;
  const Checkpoint checkpoint = SampleCheckpoint();
  const auto kind = [&](const std::string& path) {
    return ThrownBy([&] { SaveCheckpoint(path, checkpoint); }).kind;
  };
  CHECK(kind(folder / "none/x.h5") == ErrorKind::kIo);
  CHECK(kind(folder.path()) == ErrorKind::kIo);
  CHECK(kind("/dev/full") == ErrorKind::kIo);
  CHECK(folder.size() == 0);
}
}  // namespace
}  // namespace occam
