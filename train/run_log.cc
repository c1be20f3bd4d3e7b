#include "train/run_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "data/base/error.h"
#include "data/base/file.h"
#include "data/json_text.h"

namespace occam {
namespace {

using Json = nlohmann::ordered_json;  // lines keep the order in which they are written here

// What a killed process or a full disk left of a line would spoil the next one.
void CutUnfinishedLine(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) return;
  const Bytes bytes = ReadFile(path);
  const auto end = std::find(bytes.rbegin(), bytes.rend(), '\n');
  if (end == bytes.rbegin()) return;
  std::error_code error;
  std::filesystem::resize_file(path, static_cast<uintmax_t>(bytes.rend() - end), error);
  if (error) throw IoError("cannot write " + path + ": " + error.message());
}

std::ofstream Open(const std::string& path, RunLog::Mode mode) {
  if (mode == RunLog::Mode::kStart) return std::ofstream(path, std::ios::trunc);
  CutUnfinishedLine(path);
  return std::ofstream(path, std::ios::app);
}

}  // namespace

std::string RunLogPath(const std::string& checkpoint_path) {
  std::filesystem::path path(checkpoint_path);
  if (path.extension() == ".h5") path.replace_extension();
  return path.string() + ".log.jsonl";
}

RunLog::RunLog(const std::string& path, Mode mode, int64_t step,
               const std::vector<std::pair<std::string, std::string>>& facts, int64_t every)
    : path_(path), file_(Open(path, mode)), every_(every) {
  Json json{{"event", mode == Mode::kResume ? "resume" : "start"}, {"step", step}};
  for (const auto& [name, text] : facts) json[name] = text;
  WriteLine(JsonText(json));
}

void RunLog::WriteLine(const std::string& line) {
  file_ << line << '\n' << std::flush;
  if (!file_) throw IoError("cannot write " + path_ + ": " + std::strerror(errno));
}

void RunLog::OnStep(const StepReport& report) {
  loss_sum_ += report.loss_bpb;
  ++loss_count_;
  if (report.step % every_ != 0 && report.progress < 1) return;
  WriteLine(JsonText(Json{{"event", "step"},
                          {"step", report.step},
                          {"bytes_seen", report.bytes_seen},
                          {"loss_bpb", loss_sum_ / static_cast<double>(loss_count_)},
                          {"gradient_norm", report.gradient_norm},
                          {"muon_lr", report.muon_lr},
                          {"adamw_lr", report.adamw_lr},
                          {"tokens_per_s", report.tokens_per_s},
                          {"elapsed_s", report.elapsed_s}}));
  loss_sum_ = 0;
  loss_count_ = 0;
}

void RunLog::OnRounding(int64_t step) {
  WriteLine(JsonText(Json{{"event", "rounding"}, {"step", step}}));
}

void RunLog::OnValidation(const ValidationReport& report) {
  Json json{{"event", "validation"},
            {"step", report.step},
            {"bytes_seen", report.bytes_seen},
            {"bpb", report.bits_per_byte},
            {"validation_bytes", report.validation_bytes},
            {"whole", report.whole},
            {"rounded", report.rounded}};
  if (report.weight_bits > 0) json["weight_bits"] = report.weight_bits;
  for (const SourceValidation& source : report.sources) {
    json["bpb_of"][source.name] = source.bits_per_byte;
    json["validation_bytes_of"][source.name] = source.validation_bytes;
  }
  WriteLine(JsonText(json));
}

void RunLog::OnCheckpoint(int64_t step, const std::string& path) {
  WriteLine(JsonText(Json{{"event", "checkpoint"}, {"step", step}, {"path", path}}));
}

void RunLog::OnBest(const ValidationReport& report, const std::string& path) {
  WriteLine(JsonText(Json{{"event", "best"},
                          {"step", report.step},
                          {"bytes_seen", report.bytes_seen},
                          {"bpb", report.bits_per_byte},
                          {"path", path}}));
}

void RunLog::OnPrequential(const PrequentialReport& report) {
  WriteLine(JsonText(Json{{"event", "prequential"},
                          {"step", report.step},
                          {"bits", report.length.bits},
                          {"bytes", report.length.bytes},
                          {"bpb", report.length.bits_per_byte()},
                          {"whole_pass", report.whole_pass}}));
}

}  // namespace occam
