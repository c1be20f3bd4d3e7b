#include "tools/commands/generate/generate_options.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "data/base/error.h"
#include "data/base/file_plan.h"
#include "data/base/format.h"
#include "data/base/units.h"
#include "data/terminal_text.h"
#include "tools/command.h"
#include "tools/option_table.h"

namespace occam {
namespace {

constexpr char kStandard[] = "-";

constexpr char kEpilogue[] =
    "A model (--ckpt) continues a prompt by the frequencies that it codes with: integers, as the "
    "drawing is, so that a seed\n"
    "gives the same bytes on every machine. Prompts may be longer than the context; without one, "
    "the model begins afresh.\n"
    "A codec (--codec, see baselines --list) is a generator, too: the next byte is b with a "
    "probability proportional to\n"
    "2^-(bits of the coded text with b after it), as Deletang et al. (2024) do. That is 256 "
    "compressions a byte; the\n"
    "same bytes come from the same version of the codec's library.\n"
    "On a terminal, bytes that are no text show as a replacement character; files and pipes get "
    "the bytes.\n"
    "\n"
    "Examples:\n"
    "  generate --ckpt wiki-3M.occm --prompt 'The history of tea '\n"
    "  generate --ckpt wiki-3M.occm --prompt-file book.txt --bytes 2K --temperature 0.8 --top-k "
    "40\n"
    "  head -c 1024 patch.gray | generate --ckpt photos.occm --prompt-file - --bytes 1024 -o half\n"
    "  generate --codec xz --prompt-file book.txt --bytes 200 --seed 7\n";

cxxopts::Options MakeOptions() {
  cxxopts::Options options("generate", "Continues a prompt with a model or a codec.\n");
  AddOptions(
      &options, "What",
      {
          {"ckpt", "CKPT", Text(),
           "The model: a checkpoint (.h5) or .occm (default: the built-in one)"},
          {"codec", "NAME", Text(), "A codec in its place: gzip, xz, zstd, ..."},
          {"prompt", "TEXT", Text(), "The text to continue"},
          {"prompt-file", "FILE", Text(), "The bytes to continue: a file, or - for standard input"},
          {"bytes", "N", Text("500"), "How many bytes to generate"},
      });
  AddOptions(
      &options, "How",
      {
          {"temperature", "X", Text("1"),
           "Below 1 what is probable becomes more so, 0 takes the most probable alone; up to 100, "
           "three decimals"},
          {"top-k", "K", Takes<int32_t>("0"), "Only the K most probable symbols; 0 = all"},
          {"seed", "S", Takes<uint64_t>("1"), "Of the random numbers"},
          {"look-back", "N", Text("2048"), "What a codec sees: this many bytes before; 0 = all"},
      });
  AddOptions(&options, "Output",
             {
                 {"o,output", "FILE", Text(kStandard), "Write to this file; - = standard output"},
                 {"echo", "Write the prompt before what follows it"},
                 {"f,force", "Overwrite the file"},
             });
  AddOptions(&options, "Run",
             {
                 ThreadsOption("Threads of a codec; 0 = one a processor"),
                 MemoryOption(),
                 {"q,quiet", "Do not tell the speed"},
             });
  return options;
}

// "0.75" to 750, by its digits alone.
uint32_t ParseThousandths(const std::string& text) {
  const size_t point = std::min(text.find('.'), text.size());
  std::string digits = text.substr(0, point);
  std::string decimals = point < text.size() ? text.substr(point + 1) : "";
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool number = digits.size() + decimals.size() > 0 &&
                      std::ranges::all_of(digits, is_digit) &&
                      std::ranges::all_of(decimals, is_digit);
  if (!number || digits.size() > 3 || decimals.size() > 3) {
    throw UsageError("--temperature is a number from 0 to 100 of at most three decimals, not " +
                     text);
  }
  decimals.resize(3, '0');
  return static_cast<uint32_t>(std::stoul("0" + digits + decimals));
}

// Where what is generated goes as it comes: bytes to a file or pipe, text to a terminal.
class GeneratedOutput {
 public:
  // Throws kIo: the file exists, or cannot be made.
  explicit GeneratedOutput(const GenerateOptions& request);

  void Write(std::span<const uint8_t> bytes);  // Throws kIo.
  void Finish();

 private:
  void Show(const std::string& text);

  std::unique_ptr<ByteSink> sink_;
  std::optional<TerminalText> text_;  // for a terminal
  bool line_open_ = false;
};

GeneratedOutput::GeneratedOutput(const GenerateOptions& request)
    : sink_(OpenSink(request.output, request.force)) {
  if (request.output == kStandard && ::isatty(STDOUT_FILENO) == 1) text_.emplace();
}

void GeneratedOutput::Write(std::span<const uint8_t> bytes) {
  if (text_) {
    Show(text_->Take(bytes));
  } else {
    sink_->Write(bytes);
  }
}

void GeneratedOutput::Show(const std::string& text) {
  if (text.empty()) return;
  sink_->Write(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  line_open_ = text.back() != '\n';
}

void GeneratedOutput::Finish() {
  if (text_) {
    Show(text_->Finish());
    if (line_open_) Show("\n");
  }
  sink_->Commit();
}

}  // namespace

GenerateOptions ParseGenerateOptions(int argc, const char* const* argv) {
  cxxopts::Options options = MakeOptions();
  const cxxopts::ParseResult args =
      ParseOptions(&options, argc, argv, {"What", "How", "Output", "Run"}, kEpilogue);
  if (!args.unmatched().empty()) {
    throw UsageError(fmt::format("generate takes no '{}' by itself; a text is given by --prompt",
                                 args.unmatched().front()));
  }
  GenerateOptions request;
  request.model = TextOf(args, "ckpt");
  request.codec = TextOf(args, "codec");
  if (!request.model.empty() && !request.codec.empty())
    throw UsageError("give --ckpt or --codec, not both");
  if (args.count("prompt") > 0 && args.count("prompt-file") > 0)
    throw UsageError("give --prompt or --prompt-file, not both");
  for (const char* name : {"look-back", "threads"}) {
    if (request.codec.empty() && args.count(name) > 0)
      throw UsageError(fmt::format("--{} is for --codec", name));
  }
  request.prompt = TextOf(args, "prompt");
  request.prompt_file = TextOf(args, "prompt-file");
  if (args.count("prompt-file") > 0 && request.prompt_file.empty())
    throw UsageError("--prompt-file names no file");
  request.bytes = static_cast<uint64_t>(ParseCount(args["bytes"].as<std::string>(), "--bytes"));
  request.sampler = {ParseThousandths(args["temperature"].as<std::string>()),
                     args["top-k"].as<int32_t>(), args["seed"].as<uint64_t>()};
  request.look_back =
      static_cast<size_t>(ParseCount(args["look-back"].as<std::string>(), "--look-back"));
  request.threads = ThreadsFrom(args);
  request.memory_bytes = MemoryFrom(args, TextOf(args, "ckpt"));
  request.output = args["output"].as<std::string>();
  request.echo = args.count("echo") > 0;
  request.force = args.count("force") > 0;
  request.quiet = args.count("quiet") > 0;

  FilePlan plan;
  if (!request.model.empty()) plan.Read(request.model, "the model");
  if (!request.prompt_file.empty()) plan.Read(request.prompt_file, "the prompt");
  plan.Write(request.output, "the output");
  return request;
}

Bytes ReadPrompt(const GenerateOptions& request) {
  if (request.prompt_file.empty()) return {request.prompt.begin(), request.prompt.end()};
  return ReadAll(*OpenSource(request.prompt_file, &CatchInterrupts()));
}

int WriteContinuation(const GenerateOptions& request, std::span<const uint8_t> prompt,
                      const std::string& about,
                      const std::function<void(const TakeFn&)>& generate) {
  const std::atomic<bool>& interrupted = CatchInterrupts();
  GeneratedOutput output(request);
  if (request.echo) output.Write(prompt);
  const auto start = std::chrono::steady_clock::now();
  uint64_t left = request.bytes;
  struct Enough {};
  try {
    generate([&](std::span<const uint8_t> bytes) {
      if (left == 0 || interrupted) throw Enough{};
      bytes = bytes.first(static_cast<size_t>(std::min<uint64_t>(bytes.size(), left)));
      output.Write(bytes);
      left -= bytes.size();
    });
  } catch (const Enough&) {
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  // A file that was not finished does not appear; what is on a terminal has been read.
  if (interrupted && request.output != kStandard) return kInterruptedExitCode;
  output.Finish();
  if (!request.quiet) {
    const auto written = static_cast<double>(request.bytes - left);
    fmt::print(stderr, "{}; {:.0f} bytes in {:.2f} s, {}/s\n", about, written, elapsed.count(),
               FormatBytes(written / std::max(elapsed.count(), 1e-9)));
  }
  return interrupted ? kInterruptedExitCode : 0;
}

}  // namespace occam
