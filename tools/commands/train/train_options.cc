#include "tools/commands/train/train_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/machine_memory.h"
#include "data/base/memory.h"
#include "data/base/units.h"
#include "model/network/matmul.h"
#include "model/parameters.h"
#include "tools/command.h"
#include "tools/option_table.h"

namespace occam {
namespace {

constexpr double kDefaultMinutes = 10;

bool UsesBfloat16(const std::string& precision) {
  if (precision == "auto") return HasFastBfloat16();
  if (precision == "bf16" && !HasFastBfloat16())
    throw UsageError("this processor has no fast bfloat16 products; use --precision f32 or auto");
  if (precision != "f32" && precision != "bf16")
    throw UsageError("--precision is f32, bf16 or auto, not " + precision);
  return precision == "bf16";
}

int32_t WindowOf(const std::string& text) {
  int32_t window = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, window);
  if (result.ec != std::errc() || result.ptr != end)
    throw UsageError("--windows is a number or several, separated by commas, not " + text);
  return window;
}

// A multiple of 16, as products of matrices like it, unless it is too short.
int32_t ContextOfBytes(const std::string& bytes, double bytes_per_symbol) {
  constexpr int64_t kMost = 1 << 24;  // too many, for CheckConfig to tell
  const int64_t asked = std::min(ParseCount(bytes, "--context-bytes"), kMost);
  const double symbols = static_cast<double>(asked) / bytes_per_symbol;
  const double step = symbols < 16 ? 1 : 16;
  return static_cast<int32_t>(std::max(1.0, std::round(symbols / step) * step));
}

}  // namespace

cxxopts::Options TrainOptions() {
  cxxopts::Options options("train", "Trains a small byte-level transformer.\n");
  AddOptions(
      &options, "Data",
      {
          {"data", "TEXT", Text(),
           "Corpus: a file, a folder, a glob (.gz .xz .zst are unpacked), - for standard input, a "
           "prepared set (.set), "
           "or enwik8, enwik9 once fetched. For a mixture several times, NAME=CORPUS:WEIGHT"},
          {"train-bytes", "RANGE", Text(),
           "Bytes to train on, BEGIN:END or the first N (default: what is not validation); not of "
           "sets"},
          {"val-bytes", "RANGE", Text(),
           "Bytes to validate on, BEGIN:END or the last N (default: the last 5 %, at most 10 MB); "
           "not of sets"},
      });
  AddOptions(
      &options, "Model",
      {
          {"tokenizer", "KIND", Text("bytes"),
           "Symbols: bytes; bytes without their top bit, ascii7, or lowest bit, ascii7-low, which "
           "files keep beside the symbols; or byte pairs learned from the training part, N tokens: "
           "bpe:N, within words, numbers and runs of spaces or signs, or bpe-plain:N, anywhere"},
          {"params", "N", Text(),
           "Parameters, about: 200K, 800K, 3.2M, 12M, any number (default 200K)"},
          {"width", "D", Takes<int>(), "Width, instead of --params"},
          {"layers", "N", Takes<int>(), "Layers"},
          {"heads", "N", Takes<int>(), "Attention heads"},
          {"kv-heads", "N", Takes<int>(), "Key/value heads; divides --heads"},
          {"mlp-factor", "N", Takes<int>(), "Width of the MLP over the width"},
          {"conv-width", "N", Takes<int>(), "Taps of the convolutions; 0 = none"},
          {"memory", "SIZE", Text("none"),
           "Memory of n-grams and words beside the network: none, tiny, small, medium or large, "
           "about 0.1, 0.4, 0.8 and 1.4 MB of coded model"},
          {"signals", "KIND", Text("none"),
           "What the network is told of each byte's place and neighbours: none; patches, for "
           "records of 64 x 32 gray bytes, whose bytes it then codes as the difference to a "
           "prediction; or jpeg, the same for photographs that were JPEG files"},
          {"record", "COLUMNSxROWS", Text("64x32"),
           "Sides of a record, with --signals; of jpeg multiples of 8"},
          {"kinds", "K,K,...", Takes<std::vector<std::string>>(),
           "With --signals: the kind of each --data, in their order, which the network is told; an "
           "s after it: that kind alone has the signals. 0,1s,2 is a text, photographs and sound"},
          {"windows", "W,W,...", Takes<std::vector<std::string>>(),
           "Positions each layer sees, one a layer or repeated as a pattern; 0 = all (default: 64, "
           "the last layer but one 1024); with --resume: from here on"},
          {"context", "N", Takes<int>(), "Symbols of a fresh context (default 2048)"},
          {"context-bytes", "N", Text(),
           "A fresh context of the symbols that stand for about N bytes of the training part, in "
           "place of --context"},
      });
  AddOptions(&options, "Length",
             {
                 {"minutes", "M", Takes<double>(), "Minutes (the default: 10)"},
                 {"tokens", "N", Text(), "Symbols seen, repeats included: 20M, 1G"},
                 {"bytes-seen", "N", Text(),
                  "Bytes of data seen, repeats included: 60M is as much data for every tokenizer"},
                 {"steps", "N", Takes<int64_t>(), "Optimizer steps"},
             });
  const Recipe recipe;
  const auto number = [](double value) { return Takes<double>(fmt::format("{}", value)); };
  const auto whole = [](int64_t value) { return Takes<int64_t>(fmt::format("{}", value)); };
  AddOptions(
      &options, "Recipe",
      {
          {"batch", "N", whole(recipe.batch_sequences), "Sequences of --context symbols a step"},
          {"muon-lr", "X", number(recipe.muon_lr), "Learning rate of the hidden matrices"},
          {"adamw-lr", "X", number(recipe.adamw_lr), "Learning rate of everything else"},
          {"weight-decay", "X", number(recipe.weight_decay),
           "Weight decay of the matrices, times the learning rate"},
          {"clip-norm", "X", number(recipe.clip_norm), "Largest global norm of the gradient"},
          {"constant-share", "X", number(recipe.constant_share),
           "Share of the run, warm-up included, after which the learning rates fall"},
          {"rounded-share", "X", number(recipe.rounded_share),
           "Last share of the run in which the network sees its weights rounded, as it will code: "
           "0.2 = the last fifth, 0 = never"},
          {"weight-bits", "N", whole(recipe.weight_bits),
           "Bits that weights are rounded to, 2 to 7: fewer make a smaller model"},
          {"weight-rate", "L", number(recipe.weight_rate),
           "What a bit of the coded weights costs, in bits a byte of the data: 1/N makes N bytes "
           "of data and model together small (1.6e-8: 62 MB), less makes the model larger and "
           "better; 0 = nothing. Acts in the rounded share"},
          {"memory-lr", "X", number(recipe.memory_lr), "Learning rate of a memory's rows"},
          {"memory-step", "X", number(recipe.memory_step),
           "Step between the codes of a memory's rows, in deviations of their numbers: larger ones "
           "make a smaller model"},
          {"precision", "P", Text("auto"),
           "Operands of matrix products: f32, bf16, or auto: bf16 where the processor has it"},
          {"seed", "N", whole(recipe.seed), "Seed of initial weights and batches"},
      });
  AddOptions(&options, "Run",
             {
                 {"o,out", "NAME.h5", Text(), "Checkpoint to write"},
                 {"init", "MODEL", Text(),
                  "Start from the weights of this checkpoint or .occm (of the same shape)"},
                 {"resume",
                  "Go on with the run that --out holds; shape, recipe and length are read from it"},
                 {"checkpoint-minutes", "M", Takes<double>("5"), "Minutes between checkpoints"},
                 {"keep-best",
                  "Keep the weights that validate best, by the bytes that interim validations "
                  "measure, in NAME.best.h5 and NAME.best.occm; give it again with --resume"},
                 {"f,force", "Overwrite --out"},
                 ThreadsOption(),
                 {"q,quiet", "Print errors only"},
             });
  return options;
}

std::vector<int32_t> WindowsFrom(const cxxopts::ParseResult& args, int layers) {
  layers = std::clamp(layers, 1, kMaxLayers);  // a wrong number is for CheckConfig to name
  if (args.count("windows") == 0) return FamilyWindows(layers);
  std::vector<int32_t> pattern;
  for (const std::string& item : ListOf(args, "windows")) pattern.push_back(WindowOf(item));
  std::vector<int32_t> windows;
  for (int l = 0; l < layers; ++l)
    windows.push_back(pattern[static_cast<size_t>(l) % pattern.size()]);
  return windows;
}

// "64x32", with --signals alone.
void SetRecord(const cxxopts::ParseResult& args, ModelConfig* config) {
  if (args.count("record") == 0) return;
  if (!config->has_signals()) throw UsageError("--record is for --signals patches or jpeg");
  const auto text = args["record"].as<std::string>();
  const size_t cross = text.find('x');
  const auto side = [&](const std::string& part) {
    return static_cast<int32_t>(std::min<int64_t>(ParseCount(part, "--record"), INT32_MAX));
  };
  if (cross == std::string::npos)
    throw UsageError("--record is COLUMNSxROWS, such as 64x32, not '" + text + "'");
  config->record_width = side(text.substr(0, cross));
  config->record_height = side(text.substr(cross + 1));
}

// The family's network of about so many parameters. What no machine like this can train is told by
// its memory, and what no network of the family has by the largest one.
ModelConfig ConfigOfSize(const std::string& params, int vocabulary) {
  constexpr uint64_t kLeastBytes = 4 * sizeof(float);  // weight, gradient, two moments
  const int64_t asked = ParseCount(params, "--params");
  RequireMachineMemory(SaturatingProduct(static_cast<uint64_t>(asked), kLeastBytes),
                       "--params " + params);
  const int64_t largest = ParameterCount(FamilyConfigFor(int64_t{1} << 62, vocabulary));
  if (asked > largest + largest / 8) {
    throw UsageError(fmt::format(
        "--params {} is more than the largest network of this family has, {}", params, largest));
  }
  return FamilyConfigFor(asked, vocabulary);
}

KindsAsked KindsFrom(const cxxopts::ParseResult& args) {
  KindsAsked asked;
  if (args.count("kinds") == 0) return asked;
  std::vector<int> signals;  // of each kind; -1: not known yet
  for (std::string text : ListOf(args, "kinds")) {
    const bool has_signals = text.ends_with('s');
    if (has_signals) text.pop_back();
    const int64_t kind = ParseCount(text, "--kinds");
    if (kind < 0 || kind >= kMaxKinds)
      throw UsageError(fmt::format("a kind is 0 .. {}, not {}", kMaxKinds - 1, kind));
    asked.of_sources.push_back(static_cast<int32_t>(kind));
    const auto i = static_cast<size_t>(kind);
    if (signals.size() <= i) signals.resize(i + 1, -1);
    if (signals[i] == (has_signals ? 0 : 1))
      throw UsageError(fmt::format("kind {} has signals or not: give the s always or never", kind));
    signals[i] = has_signals ? 1 : 0;
  }
  for (size_t i = 0; i < signals.size(); ++i) {
    if (signals[i] < 0) throw UsageError(fmt::format("no --data is of kind {}", i));
    asked.with_signals.push_back(static_cast<uint8_t>(signals[i]));
  }
  return asked;
}

ModelConfig ConfigFrom(const cxxopts::ParseResult& args, int vocabulary, double bytes_per_symbol) {
  if (args.count("width") > 0 && args.count("params") > 0)
    throw UsageError("give --width or --params, not both");
  ModelConfig config =
      args.count("width") > 0
          ? FamilyConfig(args["width"].as<int>(), vocabulary)
          : ConfigOfSize(args.count("params") > 0 ? args["params"].as<std::string>() : "200K",
                         vocabulary);
  const auto set = [&](const char* name, int32_t* field) {
    if (args.count(name) > 0) *field = args[name].as<int>();
  };
  set("layers", &config.layers);
  set("heads", &config.heads);
  config.kv_heads = config.heads;
  set("kv-heads", &config.kv_heads);
  set("mlp-factor", &config.mlp_factor);
  set("conv-width", &config.conv_width);
  set("context", &config.context);
  if (args.count("context-bytes") > 0) {
    if (args.count("context") > 0) throw UsageError("give --context or --context-bytes, not both");
    config.context = ContextOfBytes(args["context-bytes"].as<std::string>(), bytes_per_symbol);
  }
  config.windows = WindowsFrom(args, config.layers);
  SetMemory(args["memory"].as<std::string>(), &config);
  SetSignals(args["signals"].as<std::string>(), &config);
  SetRecord(args, &config);
  if (KindsAsked kinds = KindsFrom(args); !kinds.with_signals.empty()) {
    if (!config.has_signals()) throw UsageError("--kinds is for --signals patches or jpeg");
    SetKinds(std::move(kinds.with_signals), &config);
  }
  CheckConfig(config, ErrorKind::kUsage);
  return config;
}

Recipe RecipeFrom(const cxxopts::ParseResult& args) {
  Recipe recipe;
  recipe.batch_sequences = args["batch"].as<int64_t>();
  recipe.muon_lr = args["muon-lr"].as<double>();
  recipe.adamw_lr = args["adamw-lr"].as<double>();
  recipe.weight_decay = args["weight-decay"].as<double>();
  recipe.clip_norm = args["clip-norm"].as<double>();
  recipe.constant_share = args["constant-share"].as<double>();
  recipe.rounded_share = args["rounded-share"].as<double>();
  recipe.weight_bits = args["weight-bits"].as<int64_t>();
  recipe.weight_rate = args["weight-rate"].as<double>();
  recipe.memory_lr = args["memory-lr"].as<double>();
  recipe.memory_step = args["memory-step"].as<double>();
  recipe.bfloat16 = UsesBfloat16(args["precision"].as<std::string>()) ? 1 : 0;
  recipe.seed = args["seed"].as<int64_t>();
  CheckRecipe(recipe);
  return recipe;
}

RunLength LengthFrom(const cxxopts::ParseResult& args, const ModelConfig& config,
                     const Recipe& recipe, double bytes_per_symbol) {
  size_t given = 0;
  for (const char* name : {"minutes", "tokens", "bytes-seen", "steps"}) given += args.count(name);
  if (given > 1) throw UsageError("give one of --minutes, --tokens, --bytes-seen and --steps");
  const int64_t step_symbols = recipe.batch_sequences * config.context;
  if (args.count("steps") > 0) return RunLength::Steps(args["steps"].as<int64_t>());
  if (args.count("tokens") > 0) {
    return RunLength::Tokens(ParseCount(args["tokens"].as<std::string>(), "--tokens"),
                             step_symbols);
  }
  if (args.count("bytes-seen") > 0) {
    return RunLength::Bytes(ParseCount(args["bytes-seen"].as<std::string>(), "--bytes-seen"),
                            bytes_per_symbol, step_symbols);
  }
  return RunLength::Minutes(args.count("minutes") > 0 ? args["minutes"].as<double>()
                                                      : kDefaultMinutes);
}

void RefuseBesideResume(const cxxopts::ParseResult& args) {
  for (const char* name :
       {"tokenizer",     "params",      "width",        "layers",    "heads",
        "kv-heads",      "mlp-factor",  "conv-width",   "context",   "context-bytes",
        "minutes",       "tokens",      "bytes-seen",   "steps",     "batch",
        "muon-lr",       "adamw-lr",    "weight-decay", "clip-norm", "constant-share",
        "rounded-share", "weight-bits", "weight-rate",  "seed",      "precision",
        "init",          "force",       "train-bytes",  "memory",    "memory-lr",
        "memory-step",   "signals",     "record",       "kinds"}) {
    if (args.count(name) > 0) {
      throw UsageError(
          fmt::format("--{} cannot be changed with --resume: the checkpoint decides it", name));
    }
  }
}

}  // namespace occam
