#include "train/run_log.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/temporary_folder.h"
#include "tests/train/training_fixture.h"

namespace occam {
namespace {

std::vector<nlohmann::json> Lines(const std::string& path) {
  const Bytes bytes = ReadFile(path);
  std::istringstream text(std::string(bytes.begin(), bytes.end()));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST_CASE("Run log: its name stands beside the checkpoint's") {
  CHECK(RunLogPath("runs/wiki-3M.h5") == "runs/wiki-3M.log.jsonl");
  CHECK(RunLogPath("wiki-3.2M") == "wiki-3.2M.log.jsonl");
}

TEST_CASE("Run log: every line is JSON, losses are means, and a resumed run appends") {
  const TemporaryFolder folder;
  const std::string path = folder / "model.log.jsonl";
  {
    RunLog log(path, RunLog::Mode::kStart, 0, {{"data", "text \xff.txt"}}, 2);
    for (int step = 1; step <= 5; ++step) {
      StepReport report;
      report.step = step;
      report.progress = 0.2 * step;
      report.loss_bpb = step;
      log.OnStep(report);
    }
    log.OnCheckpoint(5, path);
  }
  {
    RunLog log(path, RunLog::Mode::kResume, 5, {}, 2);
    ValidationReport report;
    report.step = 5;
    report.bits_per_byte = 2.5;
    report.whole = true;
    report.rounded = true;
    log.OnRounding(5);
    report.sources = {{"text", 2.25, 100}, {"image", 3.5, 50}};
    log.OnValidation(report);
  }
  const auto lines = Lines(path);
  REQUIRE(lines.size() == 8);
  CHECK(lines[0]["event"] == "start");
  CHECK(lines[0]["data"] == "text \\xff.txt");  // no byte of a name is lost
  CHECK(lines[1]["step"] == 2);
  CHECK(lines[1]["loss_bpb"] == 1.5);
  CHECK(lines[2]["loss_bpb"] == 3.5);
  CHECK(lines[3]["loss_bpb"] == 5);
  CHECK(lines[4]["event"] == "checkpoint");
  CHECK(lines[5]["event"] == "resume");
  CHECK(lines[5]["step"] == 5);
  CHECK(lines[6]["event"] == "rounding");
  CHECK(lines[6]["step"] == 5);
  CHECK(lines[7]["bpb"] == 2.5);
  CHECK(lines[7]["whole"] == true);
  CHECK(lines[7]["rounded"] == true);
  CHECK(lines[7]["bpb_of"]["text"] == 2.25);
  CHECK(lines[7]["bpb_of"]["image"] == 3.5);
  CHECK(lines[7]["validation_bytes_of"]["image"] == 50);

  RunLog(path, RunLog::Mode::kStart, 0, {});
  CHECK(Lines(path).size() == 1);
}

TEST_CASE("Run log: a line that a kill or a full disk cut off does not spoil the next") {
  const TemporaryFolder folder;
  const std::string path = folder / "model.log.jsonl";
  RunLog(path, RunLog::Mode::kStart, 0, {});
  std::ofstream(path, std::ios::app) << "{\"event\": \"st";
  RunLog(path, RunLog::Mode::kResume, 5, {});
  const auto lines = Lines(path);
  REQUIRE(lines.size() == 2);
  CHECK(lines[1]["event"] == "resume");

  std::ofstream(path, std::ios::trunc) << "nothing whole";
  RunLog(path, RunLog::Mode::kResume, 5, {});
  CHECK(Lines(path).size() == 1);
}

TEST_CASE("Run log: the best validation and the prequential length have lines") {
  const TemporaryFolder folder;
  const std::string path = folder / "model.log.jsonl";
  RunLog log(path, RunLog::Mode::kStart, 0, {});
  ValidationReport validation;
  validation.bits_per_byte = 2.5;
  log.OnBest(validation, "model.best.h5");
  log.OnPrequential({7, {300, 100}, 200, false});
  const auto lines = Lines(path);
  REQUIRE(lines.size() == 3);
  CHECK(lines[1]["event"] == "best");
  CHECK(lines[1]["bpb"] == 2.5);
  CHECK(lines[1]["path"] == "model.best.h5");
  CHECK(lines[2]["event"] == "prequential");
  CHECK(lines[2]["bits"] == 300);
  CHECK(lines[2]["bytes"] == 100);
  CHECK(lines[2]["bpb"] == 3);
  CHECK(lines[2]["whole_pass"] == false);
}

TEST_CASE("Run log: a place that cannot be written to is reported") {
  const auto open = [] { RunLog("/nowhere/at/all.jsonl", RunLog::Mode::kStart, 0, {}); };
  CHECK(ThrownBy(open).kind == ErrorKind::kIo);
}

}  // namespace
}  // namespace occam
