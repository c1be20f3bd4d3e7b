// occam train: a model from a text.

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

#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/tokenizer/bpe_merges.h"
#include "data/tokenizer/tokenizer.h"
#include "model/checkpoint/checkpoint.h"
#include "model/quantize.h"
#include "tools/command.h"
#include "tools/commands/train/tokenizer_option.h"
#include "tools/commands/train/train_options.h"
#include "tools/commands/train/training_files.h"
#include "tools/commands/train/training_progress.h"
#include "tools/commands/train/training_sources.h"
#include "tools/model_source.h"
#include "train/communicator.h"
#include "train/run_log.h"
#include "train/trainer.h"
#include "train/training_memory.h"
#include "train/training_run.h"

namespace occam {
namespace {

constexpr char kEpilogue[] =
    "Examples:\n"
    "  train --params 200K --data enwik8 --minutes 30 --out enwik8-200K.h5\n"
    "  train --params 3M --data wiki64.txt.xz --train-bytes 0:62M --val-bytes 62M:64M --tokens "
    "250M --out wiki-3M.h5\n"
    "  train --tokenizer bpe:4096 --width 96 --data wiki64.txt --bytes-seen 60M --out "
    "wiki-4096.h5\n"
    "  train --resume --data wiki64.txt.xz --out wiki-3M.h5       # goes on where it was "
    "interrupted\n"
    "  train --init model/pretrained/wiki-800K.occm --params 800K --data mails.txt --out mails.h5  "
    "  "
    "# goes on from a model\n"
    "  train --data text=wiki64.txt:0.5 --data image=imagenet.set:0.25 --data "
    "audio=speech.set:0.25 "
    "--out all.h5\n"
    "  mpirun -n 4 train --params 3M --data wiki64.txt --batch 32 --out wiki-3M.h5    # "
    "docs/scaling.md\n"
    "\n"
    "Writes NAME.h5 (a checkpoint, from which a run can be resumed), NAME.occm (the quantised "
    "model that codes; inspect\n"
    "tells its entropy-coded bytes, which a compressed file's model costs) and NAME.log.jsonl. "
    "Ctrl-C or SIGTERM throws\n"
    "away the step at work, writes the checkpoint and stops; another one a second later stops at "
    "once, without. Draw the\n"
    "log with experiments/plot_run.py. The prequential length told at the end is what the training "
    "data, seen for the\n"
    "first time, would take if coded while it is learned from, with no model to ship.\n";

constexpr char kInitHint[] = "--init MODEL starts another run from weights";

std::string CommandLine(int argc, const char* const* argv) {
  std::string line = "occam";
  for (int i = 0; i < argc; ++i) {
    const std::string word = i == 0 ? std::filesystem::path(argv[i]).filename().string() : argv[i];
    line += " " + word;
  }
  return line;
}

// Everything that a run is, from the command line or from the checkpoint that is resumed.
struct Plan {
  TrainerSettings settings;
  std::optional<Checkpoint> resumed;
  int64_t steps_done = 0;
};

// Weights to start from, of a checkpoint or a model file.
Checkpoint InitialModel(const std::string& path) {
  ModelSource source = LoadModel(path);
  if (source.checkpoint) return *std::move(source.checkpoint);
  if (source.model.config.llama)
    throw UsageError(path +
                     " is an imported model: training goes on from models of the family alone");
  return {.config = source.model.config,
          .weights = WeightsOf(source.model),
          .calibration = {},
          .tokenizer = source.model.tokenizer,
          .training = std::nullopt,
          .provenance = {},
          .memory = MemoryOf(source.model)};
}

void TakeSettings(const cxxopts::ParseResult& args, double bytes_per_symbol,
                  TrainerSettings* settings) {
  settings->config = ConfigFrom(args, VocabularyAsked(args), bytes_per_symbol);
  settings->recipe = RecipeFrom(args);
  settings->length = LengthFrom(args, settings->config, settings->recipe, bytes_per_symbol);
}

// Of a new run, lengths in bytes are only right once TakeSettings knows what a symbol stands for.
Plan MakePlan(const cxxopts::ParseResult& args, const std::string& out) {
  Plan plan;
  if (args.count("resume") > 0) {
    RefuseBesideResume(args);
    plan.resumed = LoadCheckpoint(out);
    ModelConfig& config = plan.resumed->config;
    if (args.count("windows") > 0) config.windows = WindowsFrom(args, config.layers);
    CheckConfig(config, ErrorKind::kUsage);
    plan.settings.config = config;
    plan.settings.command_line = plan.resumed->provenance.command_line;
    const RunPlan run = WithHint(kInitHint, [&] { return UnpackPlan(*plan.resumed, out); });
    plan.settings.recipe = run.recipe;
    plan.settings.length = run.length;
    plan.steps_done = run.steps_done;
    return plan;
  }
  // What cannot be, however long symbols are, is told before a tokenizer is learned.
  TakeSettings(args, kMaxTokenBytes, &plan.settings);
  return plan;
}

std::string RequiredOption(const cxxopts::ParseResult& args, const char* name) {
  if (args.count(name) == 0)
    throw UsageError(fmt::format("train needs --{}; see train --help", name));
  return args[name].as<std::string>();
}

int Train(int argc, const char* const* argv, Communicator* ranks) {
  const bool first = ranks->rank() == 0;
  cxxopts::Options options = TrainOptions();
  const cxxopts::ParseResult args =
      ParseOptions(&options, argc, argv, {"Data", "Model", "Length", "Recipe", "Run"}, kEpilogue);
  const std::string out = RequiredOption(args, "out");
  const int threads = ThreadsFrom(args);
  const bool quiet = args.count("quiet") > 0 || !first;
  const RunFiles files = {out, args.count("keep-best") > 0, FilesRead(args)};
  CheckRunFiles(files);
  if (args.count("resume") == 0 && args.count("force") == 0) RefuseToReplace(files);
  // Before anything of a run in progress is read, or time spent on data.
  const std::unique_ptr<FileLock> lock = first ? LockRun(out) : nullptr;
  Plan plan = MakePlan(args, out);
  TrainerSettings& settings = plan.settings;
  RequireTrainingMemory(settings.config, settings.recipe, threads, ranks->size());

  // Before threads are started, and while nothing is learned yet that would be lost.
  settings.interrupt = &CatchInterrupts();
  LoadedSources loaded =
      LoadSources(args, plan.resumed ? &plan.resumed->provenance.sources : nullptr);
  const auto tokenizer =
      plan.resumed ? LoadTokenizer(plan.resumed->tokenizer, out) : LearnTokenizer(args, loaded);
  std::vector<TrainingSource> sources = Tokenised(*tokenizer, std::move(loaded));
  if (!plan.resumed) TakeSettings(args, BytesPerSymbol(sources), &settings);
  RequireTrainingMemory(settings.config, settings.recipe, threads, ranks->size());

  settings.threads = threads;
  if (settings.threads == 0) settings.threads = ranks->processors();
  settings.ranks = ranks;
  settings.checkpoint_path = out;
  if (args.count("keep-best") > 0) settings.best_path = BestPath(out);
  settings.checkpoint_every_s = 60 * args["checkpoint-minutes"].as<double>();
  const std::string command = CommandLine(argc, argv);
  // What makes a model is how its run began and what was changed on the way, not where it paused.
  if (!plan.resumed) settings.command_line = command;
  if (plan.resumed && args.count("windows") > 0) settings.command_line += "; " + command;
  settings.code_version = VersionText();

  if (!quiet) {
    fmt::print("model: {}\n", Describe(settings.config));
    fmt::print("{}{}", DescribeSources(sources), DescribeTokens(*tokenizer, sources));
    if (ranks->size() > 1)
      fmt::print("ranks: {}, this one with {} threads\n", ranks->size(), settings.threads);
    std::fflush(stdout);
  }

  TrainingProgress progress(quiet);
  settings.observers = {&progress};

  const std::string data_name = DataName(sources);
  const std::string data_sha256 = DataDigest(sources);
  Trainer trainer(settings, {std::move(sources), tokenizer->Serialise()});
  if (plan.resumed) WithHint(kInitHint, [&] { trainer.Resume(*plan.resumed, out); });
  if (args.count("init") > 0) {
    const std::string init = args["init"].as<std::string>();
    trainer.StartFrom(InitialModel(init), init);
  }
  trainer.CheckRanks();
  // From here on the run is what it claims to be, so files of an older one may go.
  std::optional<RunLog> log;
  if (first) {
    ClearForRun(out, settings.best_path, /*fresh=*/!plan.resumed);
    log.emplace(RunLogPath(out), plan.resumed ? RunLog::Mode::kResume : RunLog::Mode::kStart,
                plan.steps_done,
                std::vector<std::pair<std::string, std::string>>{
                    {"command", command},
                    {"version", settings.code_version},
                    {"model", Describe(settings.config)},
                    {"data", data_name},
                    {"data_sha256", data_sha256},
                    {"ranks", fmt::format("{}", ranks->size())},
                    {"threads", fmt::format("{}", settings.threads)}});
    trainer.AddObserver(&*log);
  }
  const PatientWork until_it_is_saved;
  const RunStatus status = trainer.Run();
  progress.Clear();
  if (status == RunStatus::kInterrupted) {
    if (!quiet)
      fmt::print("interrupted after {} steps; train --resume{} {} --out {} goes on\n",
                 trainer.position().steps, settings.best_path.empty() ? "" : " --keep-best",
                 DataArguments(args), out);
    return kInterruptedExitCode;
  }

  if (first) WriteModels(out, settings.best_path, quiet);
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
    char prefix[40] = "occam: ";
    if (ranks->rank() > 0) {
      std::this_thread::sleep_for(std::chrono::seconds(3));
      std::snprintf(prefix, sizeof(prefix), "occam: rank %d: ", ranks->rank());
    }
    const int code = ReportFailure(prefix);
    ranks->Abort(code);
    return code;
  }
}

}  // namespace occam
