#include "tools/commands/compress/compress_options.h"

#include <filesystem>
#include <iterator>

#include "coder/api/built_in_models.h"
#include "data/base/error.h"
#include "data/base/file_plan.h"
#include "data/base/format.h"
#include "data/base/units.h"
#include "tools/command.h"
#include "tools/commands/compress/levels.h"
#include "tools/option_table.h"

namespace occam {
namespace {

constexpr char kSuffix[] = ".occ";
constexpr char kFrameSuffix[] = ".frame";
constexpr char kNoModel[] = "none";
constexpr char kDigits[] = "Levels";  // the group of options -1 to -9

constexpr char kCompressEpilogue[] =
    "Without FILE, or with -, reads standard input and writes standard output. The input file is "
    "kept.\n"
    "\n"
    "Examples:\n"
    "  compress book.txt                                 # writes book.txt.occ, with the built-in "
    "model\n"
    "  compress -9 book.txt                              # smaller, and slower both ways\n"
    "  benchmark -b1 -e9 book.txt                        # what each level makes of it\n"
    "  compress --ckpt wiki.occm book.txt                # with one of your own\n"
    "  tar c folder | compress --ckpt wiki.occm > folder.tar.occ\n"
    "  compress --ckpt wiki.occm --embed-model book.txt  # needs nothing else to be restored\n"
    "  compress -l book.txt.occ                          # sizes, model and methods\n"
    "  compress -d --ckpt wiki.occm book.txt.occ         # the same as decompress\n"
    "  compress --raw-frame --ckpt logs.occm line.json   # a small record: writes "
    "line.json.frame\n"
    "  compress --dictionary v1.tar v2.tar               # what is new in v2; restored with "
    "v1.tar\n"
    "  compress --raw-frame --dictionary old.json *.json # records like older ones\n";

constexpr char kDecompressEpilogue[] =
    "Without FILE, or with -, reads standard input and writes standard output. The compressed file "
    "is kept.\n"
    "A file appears under its name only when all of it was restored and checked.\n"
    "\n"
    "Examples:\n"
    "  decompress book.txt.occ                           # writes book.txt\n"
    "  decompress --ckpt wiki.occm book.txt.occ          # made with this model\n"
    "  decompress -t *.occ                               # tests, writes nothing\n"
    "  cat a.occ b.occ | decompress > ab                 # several archives are one, too\n"
    "  decompress --ckpt wiki.occm --range 1G:64K -o part archive.tar.occ\n"
    "  decompress --dictionary v1.tar v2.tar.occ         # made with this dictionary\n"
    "  decompress --ckpt wiki.occm --keep-going hurt.occ # what is sound of a damaged file\n";

// The table that experiments/levels.sh made; docs/results.md has it, too.
constexpr char kLevelTable[] =
    R"(Levels. Each is a model and a mode, and makes smaller files than those before it; the file tells what it needs.
Rates are of 256 KB of articles. Speeds are of one thread with AVX-512; AVX2 has half of them.
What is no prose gains more by mode adaptive.

  level        model and mode          rate   compressing      restoring
  -1           broad-200K, chunked   19.6 %   197 KB/s   30 MB   141 KB/s   31 MB
  -2           broad-200K, carried   19.2 %   187 KB/s   34 MB   132 KB/s   28 MB
  -3           broad-200K, adaptive  18.4 %    88 KB/s  211 MB    67 KB/s  194 MB
  -4           broad-800K, chunked   18.2 %    91 KB/s   35 MB    65 KB/s   42 MB
  -5           broad-800K, carried   17.7 %    92 KB/s   42 MB    63 KB/s   36 MB
  -6           broad-800K, adaptive  17.2 %    58 KB/s  223 MB    46 KB/s  201 MB   the default
  -7           broad-3.2M, chunked   16.9 %    36 KB/s   47 MB    16 KB/s   65 MB
  -8           broad-3.2M, carried   16.5 %    35 KB/s   60 MB    24 KB/s   52 MB
  -9           broad-3.2M, adaptive  16.0 %    28 KB/s  240 MB    20 KB/s  219 MB
  --ckpt none  no model, adaptive    24.6 %   194 KB/s  202 MB   196 KB/s  184 MB

)";

cxxopts::Options MakeOptions(bool decompress) {
  const std::string name = decompress ? "decompress" : "compress";
  cxxopts::Options options(
      name, decompress ? "Restores compressed files.\n" : "Compresses files with a model.\n");
  options.positional_help("[FILE...]");
  const std::string ckpt =
      decompress ? "The model: a checkpoint (.h5) or .occm; not needed where the file holds its "
                   "own or was made with a built-in one"
                 : fmt::format(
                       "The model: a checkpoint (.h5) or .occm (default: the built-in {}); "
                       "none: no network, only what learns from the file itself",
                       BuiltInModels().front().name);
  AddOptions(&options, "Model",
             {
                 {"ckpt", "CKPT", Text(), ckpt},
                 {"embed-model", "Compressing: put the model, entropy-coded, into the file"},
                 {"level", "N", Takes<int>(),
                  "Compressing: 1 to 9, also written -1 to -9: the built-in model and the mode "
                  "(default: 6)"},
                 {"mode", "MODE", Text(),
                  "Compressing: chunked, contexts start afresh all the time, the published "
                  "setting; carried, they go on, which is smaller; or adaptive, carried and mixed "
                  "with a model that learns from the file itself, smaller still, but slower and "
                  "for models of bytes only; or long, see --long (default: adaptive; carried for "
                  "models of other symbols)"},
                 {"long",
                  "Compressing: the same as --mode long, adaptive with 128 MiB to learn from at a "
                  "time in place of 16. Smaller where a file is longer than that. Takes 3 GB of "
                  "memory and the model's, both ways, which --memory 4G allows"},
                 {"lanes", "N", Takes<int>("32"),
                  "Compressing adaptive or long: sequences that are restored side by side, "
                  "1 .. 32. 1 is smallest, and restored slowest"},
                 {"dictionary", "FILE", Text(),
                  "Learn from this file first, which whoever restores has, too: an older version "
                  "of the data, or records like those to come. Its last 16 MiB are used. For "
                  "--mode adaptive and --raw-frame; a file tells which one it needs"},
                 {"width", "N", Takes<int>("0"),
                  "Compressing a photograph without header: pixels of a row"},
                 {"channels", "C", Takes<int>("1"),
                  "Compressing a photograph without header: bytes of a pixel, 1 .. 4"},
             });
  // Another way to write --level, which the page does not show nine times.
  std::vector<Option> digits;
  for (int level = 1; level <= kMostLevel; ++level)
    digits.emplace_back(std::to_string(level), "the same as --level");
  AddOptions(&options, kDigits, digits);
  AddOptions(&options, "What to do",
             {
                 {"d,decompress", "Decompress"},
                 {"t,test", "Test compressed files, write nothing"},
                 {"l,list", "List sizes, model and methods of compressed files; needs no model"},
                 {"range", "OFFSET:LENGTH", Text(),
                  "Decompress this part of the original alone; LENGTH may be missing: to the end"},
                 {"raw-frame",
                  "Take each file for one record, and its compressed form for a bare frame: no "
                  "magic, no index, no model id, at most 4 bytes around the payload. Whoever "
                  "restores gives the same --ckpt and --check-bytes"},
                 {"check-bytes", "N", Takes<int>("1"),
                  "Bytes of a hash in a bare frame: with 1 a wrong model or damage is taken for "
                  "right once in 256 times, with 2 once in 65536, with 0 often"},
                 {"keep-going",
                  "Restore what is sound of damaged files: zeros for what is missing, which is "
                  "printed; ends with exit code 4"},
             });
  AddOptions(&options, "Files",
             {
                 {"o,output", "FILE", Text(), "Write to this file (- = standard output)"},
                 {"c,stdout", "Write to standard output"},
                 {"f,force", "Overwrite files; write compressed data to a terminal"},
                 {"k,keep", "Keep the input (the default)"},
                 {"rm", "Remove the input once the output is written"},
                 {"files", "", Takes<std::vector<std::string>>(), ""},
             });
  AddOptions(&options, "Run",
             {
                 ThreadsOption(),
                 MemoryOption(),
                 {"json", "Print JSON, a line a file, with -l"},
                 {"kernels", "WHICH", Text("fast"), "fast, or plain: the slow definition"},
                 {"v,verbose", "Print sizes, rate and speed of each file"},
                 {"q,quiet", "Print errors only"},
             });
  options.parse_positional({"files"});
  return options;
}

Kernels ParseKernels(const std::string& text) {
  if (text == "fast") return Kernels::kFast;
  if (text == "plain") return Kernels::kPlain;
  throw UsageError("--kernels is fast or plain, not " + text);
}

// OFFSET:LENGTH, where LENGTH may be missing.
OriginalRange ParseRange(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0)
    throw UsageError("--range is OFFSET:LENGTH or OFFSET:, for example 10M:64K, not " + text);
  OriginalRange range;
  range.offset = static_cast<uint64_t>(ParseCount(text.substr(0, colon), "--range"));
  if (colon + 1 < text.size())
    range.length = static_cast<uint64_t>(ParseCount(text.substr(colon + 1), "--range"));
  return range;
}

// What a bare frame has no room for.
void CheckRawFrame(const cxxopts::ParseResult& args, const CompressOptions& request) {
  if (!request.raw_frame) {
    if (args.count("check-bytes") > 0) throw UsageError("--check-bytes is for --raw-frame");
    return;
  }
  for (const char* name :
       {"embed-model", "mode", "long", "lanes", "range", "keep-going", "list", "width"}) {
    if (args.count(name) > 0)
      throw UsageError(fmt::format("--{} is for files: a bare frame has a payload alone", name));
  }
  if (!request.built_in.empty())
    throw UsageError("a level is for files: a bare frame does not tell its model");
}

// Returns the level asked for, 0 where none is.
int LevelFrom(const cxxopts::ParseResult& args) {
  std::vector<int> levels;
  if (args.count("level") > 0) levels.push_back(args["level"].as<int>());
  for (int level = 1; level <= kMostLevel; ++level) {
    if (args.count(std::to_string(level)) > 0) levels.push_back(level);
  }
  if (levels.size() > 1) throw UsageError("give one level, not several");
  if (levels.empty()) return 0;
  if (levels[0] < 1 || levels[0] > kMostLevel)
    throw UsageError(fmt::format("a level is 1 to {}, not {}", kMostLevel, levels[0]));
  return levels[0];
}

// Takes model and mode from the level; a --mode of its own counts more, and so does --long.
void TakeLevel(const cxxopts::ParseResult& args, CompressOptions* request) {
  if (args.count("mode") > 0) request->mode = ParseContextMode(args["mode"].as<std::string>());
  if (args.count("long") > 0) {
    if (request->action != Action::kCompress) throw UsageError("--long is for compressing");
    if (request->mode.value_or(ContextMode::kLong) != ContextMode::kLong)
      throw UsageError("give --long or another --mode, not both");
    request->mode = ContextMode::kLong;
  }
  if (args.count("lanes") > 0) {
    const int lanes = args["lanes"].as<int>();
    if (request->action != Action::kCompress) throw UsageError("--lanes is for compressing");
    if (lanes < 1 || lanes > static_cast<int>(kMaxLongLanes))
      throw UsageError(fmt::format("--lanes is 1 .. {}, not {}", kMaxLongLanes, lanes));
    request->lanes = static_cast<uint32_t>(lanes);
  }
  const int level = LevelFrom(args);
  if (level == 0 || request->action != Action::kCompress) return;
  if (args.count("ckpt") > 0)
    throw UsageError("a level chooses the model: give it or --ckpt, not both");
  const Level& chosen = LevelOf(level);
  request->built_in = chosen.model;
  if (!request->mode) request->mode = chosen.mode;
}

// Lanes can be told where a segment has an expert.
void CheckLanes(const CompressOptions& request) {
  if (request.lanes > 0 && request.mode && !HasExpert(*request.mode))
    throw UsageError("--lanes is for mode adaptive and --long");
}

CompressOptions ReadRequest(const cxxopts::ParseResult& args, bool decompress) {
  CompressOptions request;
  const bool d = decompress || args.count("decompress") > 0;
  request.action = args.count("list") > 0   ? Action::kList
                   : args.count("test") > 0 ? Action::kTest
                   : d                      ? Action::kDecompress
                                            : Action::kCompress;
  request.model = TextOf(args, "ckpt");
  if (request.model == kNoModel && request.action == Action::kCompress) {
    if (args.count("mode") > 0 && !HasExpert(ParseContextMode(args["mode"].as<std::string>())))
      throw UsageError("--ckpt none is for --mode adaptive and long");
    if (args.count("raw-frame") > 0 || args.count("embed-model") > 0)
      throw UsageError("--ckpt none leaves no model for --raw-frame or --embed-model");
    request.no_model = true;
    request.model.clear();
  }
  request.kernels = ParseKernels(args["kernels"].as<std::string>());
  TakeLevel(args, &request);
  CheckLanes(request);
  request.dictionary = TextOf(args, "dictionary");
  if (request.dictionary == kStandard)
    throw UsageError("--dictionary names a file: standard input is for the data");
  if (!request.dictionary.empty() && request.action == Action::kCompress && request.mode &&
      !MayHaveDictionary(*request.mode)) {
    throw UsageError("--dictionary is for mode adaptive: levels 3, 6 and 9, or --mode adaptive");
  }
  request.embed_model = args.count("embed-model") > 0;
  if (request.embed_model && request.action != Action::kCompress)
    throw UsageError("--embed-model is for compressing");
  if (args.count("width") > 0) {
    if (request.action != Action::kCompress) throw UsageError("--width is for compressing");
    const int width = args["width"].as<int>();
    const int channels = args["channels"].as<int>();
    if (width < 1 || channels < 1 || channels > 4)
      throw UsageError("--width is 1 or more, and --channels is 1 .. 4");
    request.photo_width = static_cast<uint32_t>(width);
    request.photo_channels = static_cast<uint32_t>(channels);
  } else if (args.count("channels") > 0) {
    throw UsageError("--channels is for --width");
  }
  if (args.count("files") > 0) request.files = args["files"].as<std::vector<std::string>>();
  if (request.files.empty()) request.files.push_back(kStandard);
  request.to_stdout = args.count("stdout") > 0;
  if (args.count("output") > 0) {
    if (request.files.size() > 1)
      throw UsageError("-o names one file, but there are several inputs");
    if (request.to_stdout) throw UsageError("give -o or -c, not both");
    request.output = args["output"].as<std::string>();
  }
  if (args.count("range") > 0) {
    if (request.action != Action::kDecompress) throw UsageError("--range is for decompressing");
    if (request.output.empty() && !request.to_stdout && request.files.front() != kStandard)
      throw UsageError("a range is not the whole file: name the output with -o, or use -c");
    if (args.count("rm") > 0) throw UsageError("give --range or --rm, not both");
    request.range = ParseRange(args["range"].as<std::string>());
  }
  request.keep_going = args.count("keep-going") > 0;
  if (request.keep_going &&
      (request.action == Action::kCompress || request.action == Action::kList || request.range)) {
    throw UsageError("--keep-going is for decompressing and testing whole files");
  }
  request.raw_frame = args.count("raw-frame") > 0;
  request.check_bytes = args["check-bytes"].as<int>();
  CheckRawFrame(args, request);
  if (args.count("rm") > 0 && args.count("keep") > 0)
    throw UsageError("give --rm or --keep, not both");
  request.force = args.count("force") > 0;
  request.remove_input = args.count("rm") > 0;
  request.quiet = args.count("quiet") > 0;
  request.verbose = args.count("verbose") > 0 && !request.quiet;
  request.threads = ThreadsFrom(args);
  request.memory_bytes = MemoryFrom(args, TextOf(args, "ckpt"));
  request.json = args.count("json") > 0;
  if (request.json && request.action != Action::kList)
    throw UsageError("--json is for listing, -l");
  return request;
}

}  // namespace

ContextMode ParseContextMode(const std::string& text) {
  if (text == "chunked") return ContextMode::kChunked;
  if (text == "carried") return ContextMode::kCarried;
  if (text == "adaptive") return ContextMode::kAdaptive;
  if (text == "long") return ContextMode::kLong;
  throw UsageError("--mode is chunked, carried, adaptive or long, not " + text);
}

CompressOptions ParseCompressOptions(int argc, const char* const* argv, bool decompress) {
  cxxopts::Options options = MakeOptions(decompress);
  return ReadRequest(
      ParseOptions(&options, argc, argv, {"Model", "What to do", "Files", "Run"},
                   decompress ? kDecompressEpilogue : std::string(kLevelTable) + kCompressEpilogue),
      decompress);
}

std::string OutputName(const CompressOptions& request, const std::string& input) {
  if (!request.output.empty()) return request.output;
  if (request.to_stdout || input == kStandard) return kStandard;
  const std::string suffix = request.raw_frame ? kFrameSuffix : kSuffix;
  if (request.action == Action::kCompress) {
    if (input.ends_with(suffix))
      throw UsageError(input + " has the suffix " + suffix + " already; use -o to name the output");
    return input + suffix;
  }
  const std::string base = std::filesystem::path(input).filename();
  if (!base.ends_with(suffix) || base == suffix) {
    throw UsageError(input + " has no suffix " + suffix +
                     ", so the output has no name; use -o or -c");
  }
  return input.substr(0, input.size() - suffix.size());
}

bool RemovesInput(const CompressOptions& request, const std::string& input,
                  const std::string& output) {
  return request.remove_input && input != kStandard && output != kStandard;
}

void CheckOutput(const CompressOptions& request, const std::string& output) {
  if (!request.output.empty() || output == kStandard || request.force) return;
  std::error_code error;
  const auto type = std::filesystem::status(output, error).type();
  using Type = std::filesystem::file_type;
  if (error == std::errc::filename_too_long)
    throw IoError(output + " is a longer name than a file can have; -o gives it another");
  if (type == Type::regular || type == Type::directory || type == Type::not_found || error) return;
  throw IoError(output + " is a device or a pipe; name it with -o, or use -f to write there");
}

void CheckFiles(const CompressOptions& request) {
  if (request.action == Action::kTest || request.action == Action::kList) return;
  FilePlan plan;
  if (!request.model.empty()) plan.Read(request.model, "the model");
  if (!request.dictionary.empty()) plan.Read(request.dictionary, "the dictionary");
  for (const std::string& input : request.files) {
    std::string output;
    try {
      output = OutputName(request, input);
    } catch (const Error&) {
      continue;  // not read either
    }
    std::error_code error;
    const bool refused = !request.force && std::filesystem::is_regular_file(output, error);
    if (refused) continue;
    plan.Read(input, "an input");
    plan.Write(output, "an output");
    if (RemovesInput(request, input, output)) plan.Remove(input, "an input");
  }
}

}  // namespace occam
