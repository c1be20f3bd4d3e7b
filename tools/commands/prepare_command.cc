// occam prepare: a set to train on and to measure by.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <vector>

#include "data/base/error.h"
#include "data/base/file_plan.h"
#include "data/base/format.h"
#include "data/base/printable.h"
#include "data/base/units.h"
#include "data/corpus.h"
#include "data/prepare.h"
#include "data/prepared_set.h"
#include "tools/command.h"
#include "tools/option_table.h"
#include "tools/progress.h"

namespace occam {
namespace {

constexpr char kEpilogue[] =
    "KIND is one of\n"
    "  images   photographs (PNG, JPEG, PNM) -> 8-bit gray patches of 32 rows x 64 columns, one "
    "after "
    "the other;\n"
    "           gray = (R + G + B) / 3 rounded down; whole patches of the grid from the top left\n"
    "  audio    speech (FLAC, WAV; one channel, 16 kHz) -> 8-bit unsigned samples, 128 is silence\n"
    "  random   bytes from a seed, by default all of them for validation\n"
    "  bytes    any file (.gz .xz .zst are unpacked) or folder, - for standard input, or enwik8, "
    "enwik9 once fetched\n"
    "\n"
    "Of a folder images and audio take the files with the extensions of these formats, and no "
    "hidden ones. With\n"
    "--skip-unusable they leave out what cannot be used and name it.\n"
    "\n"
    "Writes NAME.set, the training part first, the validation part after it, and its description "
    "NAME.set.json: sources with\n"
    "digests, the split, how it was made. The same sources and options give the same bytes. train, "
    "evaluate and the\n"
    "experiments know what a set is by its description. With --seven-bits the bits taken are in "
    "NAME.set.lost.\n"
    "\n"
    "Examples:\n"
    "  prepare images --validation-files 15 --out imagenet.set photos/*.JPEG\n"
    "  prepare audio --validation-files 20 --group-by - --out speech.set "
    "LibriSpeech/train-clean-100\n"
    "  prepare random --bytes 1M --seed 7 --out random.set\n"
    "  prepare bytes --val-bytes 62M:64M --seven-bits --out ascii.set wiki64.txt.xz\n";

cxxopts::Options MakeOptions() {
  cxxopts::Options options("prepare", "Makes a set of bytes to train on and to measure by.\n");
  options.positional_help("KIND INPUT...");
  AddOptions(&options, "What",
             {
                 {"kind", "", Text(), ""},
                 {"inputs", "", Takes<std::vector<std::string>>(), ""},
             });
  AddOptions(&options, "All kinds",
             {
                 {"o,out", "NAME.set", Text(), "The set"},
                 {"seven-bits",
                  "Values of 7 bits, as for a model of ASCII: bytes lose their top bit, others "
                  "their lowest; it is kept in NAME.set.lost"},
                 {"f,force", "Overwrite"},
                 {"q,quiet", "Print errors only"},
             });
  AddOptions(
      &options, "images, audio",
      {
          {"validation-files", "N", Takes<int64_t>(),
           "Files for validation: the last N by name (default: one in 20, at least one)"},
          {"group-by", "C", Text(),
           "Files of the same name before the first C are one group and stay together; "
           "--validation-files counts groups"},
          {"skip-unusable",
           "Leave out files that are damaged, too small or of another kind, and name them at "
           "the end; without it the first such file is an error. The validation files are "
           "counted after that"},
      });
  AddOptions(&options, "images",
             {
                 {"patches", "N", Takes<int64_t>(),
                  "Patches of a photograph (and grid) at most, chosen at random"},
                 {"grids", "N", Takes<int>(),
                  "Grids that a training photograph is cut by: the second starts 1/N of a patch "
                  "further down and right, and so on, every second one mirrored; N times as much "
                  "to train on (default 1)"},
             });
  AddOptions(&options, "random", {{"bytes", "N", Text(), "Size: 1M, 64KiB"}});
  AddOptions(&options, "random, images",
             {{"seed", "N", Takes<uint64_t>(), "Of the random numbers (default 1)"}});
  AddOptions(&options, "bytes, random",
             {
                 {"val-bytes", "RANGE", Text(),
                  "Bytes for validation: the last N, of a corpus also BEGIN:END (default: of a "
                  "corpus the last 5 %, at most 10 MB)"},
             });
  AddOptions(&options, "bytes",
             {
                 {"train-bytes", "RANGE", Text(),
                  "Bytes to train on, BEGIN:END or the first N (default: the others)"},
             });
  options.parse_positional({"kind", "inputs"});
  return options;
}

struct Interrupted {};

// Each kind has options of its own; the others would be without effect.
void RefuseOthers(const cxxopts::ParseResult& args, const std::string& kind,
                  const std::vector<std::string>& own) {
  for (const char* name : {"validation-files", "group-by", "patches", "grids", "bytes", "seed",
                           "val-bytes", "train-bytes", "skip-unusable"}) {
    if (args.count(name) > 0 && std::ranges::find(own, name) == own.end())
      throw UsageError(fmt::format("--{} has no meaning for {}", name, kind));
  }
}

std::vector<std::string> Inputs(const cxxopts::ParseResult& args, const std::string& kind) {
  if (args.count("inputs") == 0) throw UsageError("prepare " + kind + " needs an input");
  return args["inputs"].as<std::vector<std::string>>();
}

// Throws kUsage where a file of the set is one that it is made of.
void CheckFiles(const std::vector<std::string>& inputs, const std::string& out) {
  FilePlan plan;
  for (const std::string& file : FilesOfSet(out)) plan.Write(file, "a file of the set");
  for (const std::string& input : inputs) {
    for (const std::string& file : CorpusFiles(input)) plan.Read(file, "an input");
  }
}

uint64_t Seed(const cxxopts::ParseResult& args) {
  return args.count("seed") > 0 ? args["seed"].as<uint64_t>() : 1;
}

FileSplit SplitFrom(const cxxopts::ParseResult& args, size_t files) {
  FileSplit split;
  split.validation_files = std::max<int64_t>(1, static_cast<int64_t>(files) / 20);
  if (args.count("validation-files") > 0)
    split.validation_files = args["validation-files"].as<int64_t>();
  const std::string group_by = TextOf(args, "group-by");
  if (group_by.size() > 1) throw UsageError("--group-by is one character");
  if (!group_by.empty()) split.group_by = group_by[0];
  return split;
}

// What of the inputs is not in the set.
struct LeftOut {
  size_t by_extension = 0;
  std::vector<UnusableFile> unusable;
};

PreparedSet PrepareFiles(const std::string& kind, const cxxopts::ParseResult& args, bool quiet,
                         LeftOut* left_out) {
  const std::vector<std::string> inputs = Inputs(args, kind);
  CheckFiles(inputs, TextOf(args, "out"));
  const FileKind file_kind = kind == "audio" ? FileKind::kSpeech : FileKind::kImages;
  std::vector<ListedFile> files = ListInputs(inputs, file_kind, &left_out->by_extension);
  if (files.empty() && left_out->by_extension > 0) {
    throw UsageError(fmt::format("none of {} files has an extension that prepare {} knows",
                                 left_out->by_extension, kind));
  }
  const std::atomic<bool>& interrupted = CatchInterrupts();
  ProgressLine line(quiet);
  const auto progress = [&](size_t done, const std::string& name) {
    if (interrupted) throw Interrupted{};
    line.Show(static_cast<double>(done) / static_cast<double>(files.size()), name);
  };
  if (args.count("skip-unusable") > 0)
    left_out->unusable = RemoveUnusable(file_kind, &files, progress);
  const FileSplit split = SplitFrom(args, files.size());
  if (kind == "audio") return PrepareSpeech(files, split, progress);
  PatchChoice choice;
  choice.seed = Seed(args);
  if (args.count("patches") > 0) choice.per_photograph = args["patches"].as<int64_t>();
  if (choice.per_photograph < 0) throw UsageError("--patches cannot be negative");
  if (args.count("grids") > 0) choice.grids = args["grids"].as<int>();
  if (choice.grids < 1 || choice.grids > 32) throw UsageError("--grids is 1 to 32");
  return PrepareImages(files, split, choice, progress);
}

PreparedSet Prepare(const std::string& kind, const cxxopts::ParseResult& args, bool quiet,
                    LeftOut* left_out) {
  if (kind == "images") {
    RefuseOthers(args, kind,
                 {"validation-files", "group-by", "patches", "grids", "seed", "skip-unusable"});
    return PrepareFiles(kind, args, quiet, left_out);
  }
  if (kind == "audio") {
    RefuseOthers(args, kind, {"validation-files", "group-by", "skip-unusable"});
    return PrepareFiles(kind, args, quiet, left_out);
  }
  if (kind == "random") {
    RefuseOthers(args, kind, {"bytes", "seed", "val-bytes"});
    if (args.count("inputs") > 0) throw UsageError("prepare random has no input");
    if (args.count("bytes") == 0) throw UsageError("prepare random needs --bytes");
    const int64_t bytes = ParseCount(args["bytes"].as<std::string>(), "--bytes");
    const std::string validation = TextOf(args, "val-bytes");
    return PrepareRandom(bytes, Seed(args),
                         validation.empty() ? bytes : ParseCount(validation, "--val-bytes"));
  }
  if (kind == "bytes") {
    RefuseOthers(args, kind, {"train-bytes", "val-bytes"});
    const std::vector<std::string> inputs = Inputs(args, kind);
    if (inputs.size() > 1)
      throw UsageError("prepare bytes takes one file, folder or glob (in quotes)");
    CheckFiles(inputs, TextOf(args, "out"));
    return WithHint("--train-bytes and --val-bytes choose the parts", [&] {
      return PrepareBytes(inputs[0], TextOf(args, "train-bytes"), TextOf(args, "val-bytes"));
    });
  }
  throw UsageError("prepare images, audio, random or bytes, not '" + kind +
                   "'; see prepare --help");
}

// Bits that `count` bits take of which `ones` are 1, as independent draws.
double Entropy(int64_t ones, int64_t count) {
  double bits = 0;
  for (const int64_t n : {ones, count - ones}) {
    if (n > 0)
      bits -=
          static_cast<double>(n) * std::log2(static_cast<double>(n) / static_cast<double>(count));
  }
  return bits;
}

void PrintLostBits(const LostBitsDescription& lost, const char* part, int64_t ones, int64_t count) {
  if (count == 0) return;
  const double bytes = Entropy(ones, count) / 8;
  fmt::print(
      "lost bits of the {} part ({}): {} of {} are 1, {} packed, at least {} coded without "
      "context ({:.3f} % of the bytes)\n",
      part, lost.bit == LostBit::kTop ? "top" : "lowest", ones, count,
      FormatBytes(static_cast<double>((count + 7) / 8)), FormatBytes(bytes),
      100 * bytes / static_cast<double>(count));
}

void Print(const std::string& out, const SetDescription& d) {
  fmt::print("{}: {}, {} bytes ({})\n", out, d.kind, d.train_bytes + d.validation_bytes,
             FormatBytes(static_cast<double>(d.train_bytes + d.validation_bytes)));
  const auto part = [&](const char* name, const char* in_description, int64_t bytes) {
    const auto files = std::ranges::count(d.sources, in_description, &SetInput::part);
    fmt::print("{:<11} {:>12} bytes", name, bytes);
    if (d.record_bytes > 1) fmt::print(", {} records", bytes / d.record_bytes);
    if (files > 0) fmt::print(", {} files", files);
    fmt::print("\n");
  };
  part("training", "train", d.train_bytes);
  part("validation", "validation", d.validation_bytes);
  fmt::print("SHA-256     {}\n", d.sha256);
  if (!d.lost_bits) return;
  PrintLostBits(*d.lost_bits, "training", d.lost_bits->train_ones, d.train_bytes);
  PrintLostBits(*d.lost_bits, "validation", d.lost_bits->validation_ones, d.validation_bytes);
}

void Print(const LeftOut& left_out) {
  if (left_out.by_extension > 0)
    fmt::print("left out    {} files of folders with other extensions\n", left_out.by_extension);
  if (left_out.unusable.empty()) return;
  fmt::print("left out    {} files that cannot be used:\n", left_out.unusable.size());
  for (const UnusableFile& file : left_out.unusable)
    fmt::print("  {}\n",
               Printable(file.why.find(file.path) == std::string::npos ? file.path + ": " + file.why
                                                                       : file.why));
}

}  // namespace

int PrepareCommand(int argc, const char* const* argv) {
  cxxopts::Options options = MakeOptions();
  const cxxopts::ParseResult args =
      ParseOptions(&options, argc, argv,
                   {"All kinds", "images, audio", "images", "random, images", "random",
                    "bytes, random", "bytes"},
                   kEpilogue);
  CatchInterrupts();
  const std::string kind = TextOf(args, "kind");
  const std::string out = TextOf(args, "out");
  if (kind.empty()) throw UsageError("prepare needs a kind and inputs; see prepare --help");
  if (out.empty()) throw UsageError("prepare needs --out; see prepare --help");
  const bool quiet = args.count("quiet") > 0;
  const bool overwrite = args.count("force") > 0;
  CheckSetPath(out, overwrite);  // before the work
  try {
    LeftOut left_out;
    PreparedSet set = Prepare(kind, args, quiet, &left_out);
    if (args.count("seven-bits") > 0)
      TakeLostBits(kind == "bytes" ? LostBit::kTop : LostBit::kBottom, &set);
    SaveSet(out, set, overwrite);
    if (!quiet) {
      Print(out, set.description);
      Print(left_out);
    }
  } catch (const Interrupted&) {
    return kInterruptedExitCode;
  }
  return 0;
}

}  // namespace occam
