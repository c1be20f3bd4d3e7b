// occam train: a model from a text.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coder/model_codec.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/units.h"
#include "data/corpus.h"
#include "data/tokenizer.h"
#include "model/checkpoint.h"
#include "model/exact/quantized_model.h"
#include "model/quantize.h"
#include "tools/command.h"
#include "tools/tokenizer_option.h"
#include "tools/train_options.h"
#include "tools/training_progress.h"
#include "train/communicator.h"
#include "train/run_log.h"
#include "train/trainer.h"
#include "train/training_run.h"

namespace occam {
namespace {

constexpr char kEpilogue[] =
    "Examples:\n"
    "  train --params 200K --data enwik8 --minutes 30 --out enwik8-200K.h5\n"
    "  train --params 3M --data wiki64.txt.xz --train-bytes 0:62M --val-bytes 62M:64M --tokens "
    "250M --out wiki-3M.h5\n"
    "  train --resume --data wiki64.txt.xz --out wiki-3M.h5       # goes on where it was "
    "interrupted\n"
    "  mpirun -n 4 train --params 3M --data wiki64.txt --batch 32 --out wiki-3M.h5    # "
    "docs/scaling.md\n"
    "\n"
    "Writes NAME.h5 (a checkpoint, from which a run can be resumed), NAME.occm (the quantised "
    "model that codes; inspect\n"
    "tells its entropy-coded bytes, which a compressed file's model costs) and NAME.log.jsonl. "
    "Ctrl-C writes the checkpoint "
    "and stops. Draw the\n"
    "log with experiments/plot_run.py. The prequential length told at the end is what the training "
    "data, seen for the\n"
    "first time, would take if coded while it is learned from, with no model to ship.\n";

std::string CommandLine(int argc, const char* const* argv) {
  std::string line = "occam";
  for (int i = 0; i < argc; ++i) {
    const std::string word = i == 0 ? std::filesystem::path(argv[i]).filename().string() : argv[i];
    line += " " + word;
  }
  return line;
}

std::string ModelPath(const std::string& checkpoint_path) {
  return std::filesystem::path(checkpoint_path).replace_extension(".occm").string();
}

// It need not be there.
void RemoveFile(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) throw IoError("cannot remove " + path + ": " + error.message());
}

std::string BestPath(const std::string& checkpoint_path) {
  return std::filesystem::path(checkpoint_path).replace_extension(".best.h5").string();
}

// It is there unless nothing was validated.
void PrintBest(const std::string& path) {
  if (path.empty() || !std::filesystem::exists(path)) return;
  const ValidationPoint best = LoadCheckpoint(path).provenance.validation_curve.back();
  fmt::print("best: {:.4f} bpb after {} seen, kept in {}\n", best.bits_per_byte,
             FormatBytes(best.bytes_seen), path);
}

// Everything that a run is, from the command line or from the checkpoint that is resumed.
struct Plan {
  TrainerSettings settings;
  std::optional<Checkpoint> resumed;
  int64_t steps_done = 0;
};

Plan MakePlan(const cxxopts::ParseResult& args, const std::string& out) {
  Plan plan;
  if (args.count("resume") > 0) {
    RefuseBesideResume(args);
    plan.resumed = LoadCheckpoint(out);
    ModelConfig& config = plan.resumed->config;
    if (args.count("windows") > 0) config.windows = WindowsFrom(args, config.layers);
    CheckConfig(config, ErrorKind::kUsage);
    plan.settings.config = config;
    plan.settings.provenance = plan.resumed->provenance;
    const RunPlan run = UnpackPlan(*plan.resumed, out);
    plan.settings.recipe = run.recipe;
    plan.settings.length = run.length;
    plan.steps_done = run.steps_done;
    return plan;
  }
  if (args.count("force") == 0) {
    if (std::filesystem::exists(out))
      throw IoError(out + " exists already: --resume goes on with its run, -f overwrites it");
    if (args.count("keep-best") > 0 && std::filesystem::exists(BestPath(out)))
      throw IoError(BestPath(out) + " exists already: -f overwrites it");
  }
  plan.settings.config = ConfigFrom(args, VocabularyAsked(args));
  plan.settings.recipe = RecipeFrom(args);
  plan.settings.length = LengthFrom(args, plan.settings.config, plan.settings.recipe);
  return plan;
}

std::string RequiredOption(const cxxopts::ParseResult& args, const char* name) {
  if (args.count(name) == 0)
    throw UsageError(fmt::format("train needs --{}; see train --help", name));
  return args[name].as<std::string>();
}

// Of a resumed run, the training part is the very bytes it began with, and so is the validation
// part unless another is asked for.
Split SplitFrom(const cxxopts::ParseResult& args, const Plan& plan, const Corpus& corpus) {
  const auto size_bytes = static_cast<int64_t>(corpus.bytes.size());
  std::string train = TextOf(args, "train-bytes");
  std::string validation = TextOf(args, "val-bytes");
  if (plan.resumed && !corpus.set) {
    const Provenance& p = plan.settings.provenance;
    if (p.train_end > size_bytes || p.validation_end > size_bytes) {
      throw UsageError(fmt::format(
          "{} has {} bytes, where the run began with at least {}: give the data it began with",
          corpus.name, size_bytes, std::max(p.train_end, p.validation_end)));
    }
    train = fmt::format("{}:{}", p.train_begin, p.train_end);
    if (validation.empty() && p.validation_end > 0)
      validation = fmt::format("{}:{}", p.validation_begin, p.validation_end);
  }
  return SplitOf(corpus, train, validation);
}

// What rank 0 does with a finished run's checkpoint.
void WriteModel(const std::string& out, const std::string& best_path, bool quiet) {
  const Checkpoint checkpoint = LoadCheckpoint(out);
  const QuantizedModel model =
      Quantise(checkpoint.config, checkpoint.weights, checkpoint.calibration, checkpoint.tokenizer);
  WriteFile(ModelPath(out), SerialiseModel(model));
  if (quiet) return;
  fmt::print("wrote {} and {} ({} bytes entropy-coded: what the model costs a compressed file)\n",
             out, ModelPath(out), EncodeModel(model).bytes.size());
  PrintBest(best_path);
}

int Train(int argc, const char* const* argv, Communicator* ranks) {
  const bool first = ranks->rank() == 0;
  cxxopts::Options options = TrainOptions();
  const cxxopts::ParseResult args =
      ParseOptions(&options, argc, argv, {"Data", "Model", "Length", "Recipe", "Run"}, kEpilogue);
  const std::string out = RequiredOption(args, "out");
  const std::string data = RequiredOption(args, "data");
  const bool quiet = args.count("quiet") > 0 || !first;
  Plan plan = MakePlan(args, out);
  TrainerSettings& settings = plan.settings;

  const Corpus corpus = LoadCorpus(data);
  const Split split = SplitFrom(args, plan, corpus);
  const auto part = [&](const ByteRange& range) {
    return std::span(corpus.bytes)
        .subspan(static_cast<size_t>(range.begin), static_cast<size_t>(range.size()));
  };
  const auto tokenizer = plan.resumed ? LoadTokenizer(plan.resumed->tokenizer, out)
                                      : LearnTokenizer(args, part(split.train));
  const std::vector<int32_t> train_tokens = tokenizer->Encode(part(split.train));
  const std::vector<int32_t> validation_tokens = tokenizer->Encode(part(split.validation));

  settings.threads = args["threads"].as<int>();
  if (settings.threads == 0) settings.threads = ranks->processors();
  settings.ranks = ranks;
  settings.checkpoint_path = out;
  if (args.count("keep-best") > 0) settings.best_path = BestPath(out);
  settings.checkpoint_every_s = 60 * args["checkpoint-minutes"].as<double>();
  settings.interrupt = &CatchInterrupts();
  settings.provenance.command_line = CommandLine(argc, argv);
  settings.provenance.code_version = VersionText();
  settings.provenance.data_name = corpus.name;
  settings.provenance.data_sha256 = Hex(corpus.DigestOf(split.train));
  settings.provenance.train_begin = split.train.begin;
  settings.provenance.train_end = split.train.end;
  settings.provenance.validation_begin = split.validation.begin;
  settings.provenance.validation_end = split.validation.end;

  if (!quiet) {
    fmt::print("model: {}\n", Describe(settings.config));
    fmt::print("data:  {}, train on bytes {}:{}, validate on {}:{}\n", corpus.name,
               split.train.begin, split.train.end, split.validation.begin, split.validation.end);
    if (tokenizer->vocabulary() != ByteTokenizer().vocabulary()) {
      fmt::print("tokens: {}, {} coded, {:.3f} bytes each on the training part\n",
                 tokenizer->name(), FormatBytes(static_cast<double>(tokenizer->Serialise().size())),
                 static_cast<double>(split.train.size()) /
                     static_cast<double>(std::max<size_t>(train_tokens.size(), 1)));
    }
    if (ranks->size() > 1)
      fmt::print("ranks: {}, this one with {} threads\n", ranks->size(), settings.threads);
    std::fflush(stdout);
  }

  TrainingProgress progress(quiet);
  settings.observers = {&progress};

  Trainer trainer(settings,
                  {train_tokens, validation_tokens, static_cast<double>(split.train.size()),
                   static_cast<double>(split.validation.size()), tokenizer->Serialise()});
  if (plan.resumed) trainer.Resume(*plan.resumed, out);
  if (args.count("init") > 0) {
    const std::string init = args["init"].as<std::string>();
    trainer.StartFrom(LoadCheckpoint(init), init);
  }
  trainer.CheckRanks();
  // From here on the run is what it claims to be, so files of an older one may go.
  std::optional<RunLog> log;
  if (first) {
    for (const std::string& path : {out, ModelPath(out), BestPath(out)}) RemoveLeftovers(path);
    if (!plan.resumed && !settings.best_path.empty()) RemoveFile(settings.best_path);
    log.emplace(RunLogPath(out), plan.resumed ? RunLog::Mode::kResume : RunLog::Mode::kStart,
                plan.steps_done,
                std::vector<std::pair<std::string, std::string>>{
                    {"command", settings.provenance.command_line},
                    {"version", settings.provenance.code_version},
                    {"model", Describe(settings.config)},
                    {"data", corpus.name},
                    {"data_sha256", settings.provenance.data_sha256},
                    {"ranks", fmt::format("{}", ranks->size())},
                    {"threads", fmt::format("{}", settings.threads)}});
    trainer.AddObserver(&*log);
  }
  const RunStatus status = trainer.Run();
  progress.Clear();
  if (status == RunStatus::kInterrupted) {
    if (!quiet)
      fmt::print("interrupted after {} steps; train --resume{} --data {} --out {} goes on\n",
                 trainer.position().steps, settings.best_path.empty() ? "" : " --keep-best", data,
                 out);
    return kInterruptedExitCode;
  }

  if (first) WriteModel(out, settings.best_path, quiet);
  return 0;
}

}  // namespace

int TrainCommand(int argc, const char* const* argv) {
  const std::unique_ptr<Communicator> ranks = JoinRanks();
  if (ranks->size() == 1) return Train(argc, argv, ranks.get());
  try {
    return Train(argc, argv, ranks.get());
  } catch (const EarlyExit&) {
    throw;
  } catch (...) {
    // What all ranks meet is told by the first; what one of the others meets alone, by that one.
    // Those who wait for it are ended.
    std::string prefix = "occam: ";
    if (ranks->rank() > 0) {
      std::this_thread::sleep_for(std::chrono::seconds(3));
      prefix = fmt::format("occam: rank {}: ", ranks->rank());
    }
    const int code = ReportFailure(prefix);
    ranks->Abort(code);
    return code;
  }
}

}  // namespace occam
