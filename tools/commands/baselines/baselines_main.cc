// occam-baselines, which `occam baselines` runs: what the classical codecs make of files. A program
// of its own, since loading their libraries would cost every other command time. Under the name of
// generate it is `occam generate --codec`.
#ifdef __linux__
#include <malloc.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "coder/baselines/classical_codecs.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/standard_descriptors.h"
#include "data/base/units.h"
#include "data/corpus.h"
#include "data/json_text.h"
#include "tools/command.h"
#include "tools/commands/generate/generate_options.h"
#include "tools/last_resort.h"
#include "tools/option_table.h"
#include "tools/progress.h"

namespace occam {
namespace {

using Form = ClassicalCodec::Form;
using Json = nlohmann::ordered_json;

constexpr char kEpilogue[] =
    "Every size is of data that was decompressed and compared. Codecs are at their strongest "
    "settings (--list) and take any bytes:\n"
    "those for images see rows of 64 grey pixels, FLAC sees samples. The bare form is what is left "
    "without the headers of files.\n"
    "ppmd and zpaq are programs that are started for every piece: in chunks only when named by "
    "--codec.\n"
    "\n"
    "Examples:\n"
    "  baselines book.txt photos.h5              # a table each: whole and 2048-byte chunks\n"
    "  baselines --codec png,webp --chunk 2048 --form bare photos.h5\n"
    "  baselines --json --bytes 62M: wiki64.txt  # a line of JSON a size\n";

cxxopts::Options MakeOptions() {
  cxxopts::Options options("baselines", "What other codecs make of files.\n");
  options.positional_help("FILE...");
  AddOptions(&options, "What",
             {
                 {"codec", "NAMES", Takes<std::vector<std::string>>(),
                  "These alone: names, separated by commas"},
                 {"chunk", "SIZES", Takes<std::vector<std::string>>("whole,2048"),
                  "Pieces with no memory of each other: whole, or a number of bytes, or several"},
                 {"form", "FORMS", Takes<std::vector<std::string>>("file,bare"),
                  "file, as programs write it; bare, without headers; or both"},
                 {"bytes", "RANGE", Text(), "Bytes of each file, BEGIN:END"},
                 {"list", "List codecs, versions, settings and what their bare forms leave out"},
                 {"files", "", Takes<std::vector<std::string>>(), ""},
             });
  AddOptions(&options, "Run",
             {
                 {"json", "Print JSON, a line a size"},
                 {"q,quiet", "No progress line"},
             });
  options.parse_positional({"files"});
  return options;
}

struct Interrupted {};

// A way to cut and to pack.
struct Column {
  size_t chunk_bytes = 0;  // 0: whole
  Form form = Form::kFile;
};

struct Request {
  std::vector<std::unique_ptr<ClassicalCodec>> codecs;
  std::vector<Column> columns;
  std::vector<std::string> files;
  std::string range;
  bool named = false;  // the codecs were
  bool list = false;
  bool json = false;
  bool quiet = false;
};

size_t ParseChunk(const std::string& text) {
  if (text == "whole") return 0;
  const int64_t bytes = ParseCount(text, "--chunk");
  if (bytes < 1) throw UsageError("--chunk is whole or a number of bytes, not " + text);
  return static_cast<size_t>(bytes);
}

Form ParseForm(const std::string& text) {
  if (text == "file") return Form::kFile;
  if (text == "bare") return Form::kBare;
  throw UsageError("--form is file or bare, not " + text);
}

// Those of the names in the order of the list; all without names.
std::vector<std::unique_ptr<ClassicalCodec>> Pick(const std::vector<std::string>& names) {
  std::vector<std::unique_ptr<ClassicalCodec>> all = ClassicalCodecs();
  if (names.empty()) return all;
  std::vector<std::string> left = names;
  std::vector<std::unique_ptr<ClassicalCodec>> picked;
  for (auto& codec : all) {
    if (std::erase(left, codec->name()) > 0) picked.push_back(std::move(codec));
  }
  if (!left.empty())
    throw UsageError(fmt::format("there is no codec '{}'; see baselines --list", left.front()));
  return picked;
}

Request ParseRequest(int argc, const char* const* argv) {
  cxxopts::Options options = MakeOptions();
  const cxxopts::ParseResult args = ParseOptions(&options, argc, argv, {"What", "Run"}, kEpilogue);
  using Texts = std::vector<std::string>;
  Request request;
  request.named = args.count("codec") > 0;
  request.codecs = Pick(request.named ? ListOf(args, "codec") : Texts{});
  for (const std::string& chunk : ListOf(args, "chunk")) {
    for (const std::string& form : ListOf(args, "form"))
      request.columns.push_back({ParseChunk(chunk), ParseForm(form)});
  }
  if (args.count("files") > 0) request.files = args["files"].as<Texts>();
  request.range = TextOf(args, "bytes");
  request.list = args.count("list") > 0;
  request.json = args.count("json") > 0;
  request.quiet = args.count("quiet") > 0;
  if (request.files.empty() && !request.list)
    throw UsageError("baselines needs a FILE; see baselines --help");
  return request;
}

void List(const Request& request) {
  for (const auto& codec : request.codecs) {
    const CodecFacts facts = codec->facts();
    if (request.json) {
      fmt::print("{}\n", JsonText(Json{{"codec", facts.name},
                                       {"maker", facts.maker},
                                       {"setting", facts.setting},
                                       {"sees", facts.sees},
                                       {"removed", facts.removed},
                                       {"program", facts.is_program},
                                       {"missing", facts.missing}}));
    } else if (!facts.missing.empty()) {
      fmt::print("{:<8}{}\n", facts.name, facts.missing);
    } else {
      fmt::print("{:<8}{}, {}\n        sees: {}\n        bare form leaves out: {}\n", facts.name,
                 facts.maker, facts.setting, facts.sees,
                 facts.removed.empty() ? "(there is none)" : facts.removed);
    }
  }
}

struct Data {
  std::string name;
  std::span<const uint8_t> bytes;
};

// What the codec makes of the data; nothing where this column is not for it.
std::optional<uint64_t> Measure(const ClassicalCodec& codec, const CodecFacts& facts,
                                const Column& column, const Data& data, const Request& request) {
  if (column.form == Form::kBare && facts.removed.empty()) return std::nullopt;
  if (column.chunk_bytes > 0 && facts.is_program && !request.named) return std::nullopt;
  const std::atomic<bool>& interrupted = CatchInterrupts();
  ProgressLine line(request.quiet);
  const std::string what = fmt::format("{} {}", data.name, facts.name);
  line.Show(std::nullopt, what);
  const auto size = static_cast<double>(std::max<size_t>(data.bytes.size(), 1));
  const uint64_t bytes =
      BaselineBytes(codec, data.bytes, column.chunk_bytes, column.form, [&](uint64_t done) {
        if (interrupted) throw Interrupted{};
        line.Show(static_cast<double>(done) / size, what);
      });
  if (interrupted) throw Interrupted{};
  return bytes;
}

void PrintSize(const CodecFacts& facts, const Column& column, const Data& data, uint64_t bytes,
               double elapsed_s) {
  const double rate = static_cast<double>(bytes) / static_cast<double>(data.bytes.size());
  fmt::print(
      "{}\n",
      JsonText(Json{{"file", data.name},
                    {"codec", facts.name},
                    {"maker", facts.maker},
                    {"chunk", column.chunk_bytes == 0 ? Json("whole") : Json(column.chunk_bytes)},
                    {"form", FormName(column.form)},
                    {"original_bytes", data.bytes.size()},
                    {"bytes", bytes},
                    {"rate", rate},
                    {"elapsed_s", elapsed_s}}));
}

void PrintHeader(const Request& request, const Data& data) {
  fmt::print("{}, {} bytes\n{:<8}", data.name, data.bytes.size(), "");
  for (const Column& column : request.columns) {
    fmt::print(" {:>15}",
               fmt::format("{}, {}",
                           column.chunk_bytes == 0 ? "whole" : std::to_string(column.chunk_bytes),
                           FormName(column.form)));
  }
  fmt::print("\n");
}

void Work(const Request& request, const Data& data) {
  if (!request.json) PrintHeader(request, data);
  for (const auto& codec : request.codecs) {
    const CodecFacts facts = codec->facts();
    if (!request.json) fmt::print("{:<8}", facts.name);
    if (!facts.missing.empty()) {
      if (request.json) {
        fmt::print(
            "{}\n",
            JsonText(Json{{"file", data.name}, {"codec", facts.name}, {"missing", facts.missing}}));
      } else {
        fmt::print(" {}\n", facts.missing);
      }
      continue;
    }
    for (const Column& column : request.columns) {
      const auto start = std::chrono::steady_clock::now();
      const auto bytes = Measure(*codec, facts, column, data, request);
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      if (request.json && bytes) PrintSize(facts, column, data, *bytes, elapsed.count());
      if (!request.json) {
        fmt::print(" {:>15}",
                   bytes ? fmt::format("{:.2f} %", 100 * static_cast<double>(*bytes) /
                                                       static_cast<double>(data.bytes.size()))
                         : "-");
      }
      std::fflush(stdout);
    }
    if (!request.json) fmt::print("\n");
  }
}

int Baselines(int argc, const char* const* argv) {
  const Request request = ParseRequest(argc, argv);
  if (request.list) {
    List(request);
    return 0;
  }
  for (const std::string& file : request.files) {
    const Corpus corpus = LoadCorpus(file);
    const auto size = static_cast<int64_t>(corpus.bytes.size());
    const ByteRange range =
        request.range.empty() ? ByteRange{0, size} : ParseByteRange(request.range, size, "--bytes");
    if (range.size() == 0) throw UsageError(file + ": there is no byte to compress");
    const Data data{
        file, std::span(corpus.bytes)
                  .subspan(static_cast<size_t>(range.begin), static_cast<size_t>(range.size()))};
    Work(request, data);
  }
  return 0;
}

// Codecs want the same memory for every piece. Given back to the system each time, it costs more
// than compressing 2048 bytes does.
void KeepMemory() {
#ifdef __linux__
  constexpr int kKept = 1 << 26;
  mallopt(M_TRIM_THRESHOLD, kKept);
  mallopt(M_MMAP_THRESHOLD, 1 << 25);  // the most that glibc takes
#endif
}

}  // namespace
}  // namespace occam

int main(int argc, const char* const* argv) {
  int code = 0;
  occam::PrepareLastResort();
  occam::OpenStandardDescriptors();
  occam::KeepMemory();
  try {
    const bool generate = argc > 0 && std::filesystem::path(argv[0]).filename() == "generate";
    code = generate ? occam::GenerateByCodec(argc, argv) : occam::Baselines(argc, argv);
  } catch (const occam::EarlyExit&) {
  } catch (const occam::Interrupted&) {
    return occam::kInterruptedExitCode;
  } catch (...) {
    code = occam::ReportFailure("occam: ");
  }
  return occam::FinishOutput(code);
}
