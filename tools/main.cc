// The command line: `occam COMMAND ...`, or a link to it that is named after the command.

#include <cstdio>
#include <filesystem>
#include <string>

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/standard_descriptors.h"
#include "model/checkpoint/h5_file.h"
#include "tools/command.h"
#include "tools/last_resort.h"

namespace occam {
namespace {

struct Command {
  const char* name;
  int (*run)(int argc, const char* const* argv);
  const char* purpose;
};

constexpr Command kCommands[] = {
    {"train", TrainCommand,
     "train a small transformer on a text, from scratch or from a checkpoint"},
    {"compress", CompressCommand, "compress files with a model"},
    {"decompress", DecompressCommand, "restore compressed files"},
    {"benchmark", BenchmarkCommand, "what each level of compress makes of files"},
    {"evaluate", EvaluateCommand, "what a model is worth on a file, its own bytes charged"},
    {"baselines", BaselinesCommand, "what other codecs make of files"},
    {"generate", GenerateCommand, "continue a prompt with a model, or with a codec"},
    {"explain", ExplainCommand, "show where a model spends its bits, as a page"},
    {"import", ImportCommand, "make a model that codes of a public checkpoint"},
    {"inspect", InspectCommand,
     "what is in a checkpoint, a model or a compressed file; export a model"},
    {"prepare", PrepareCommand,
     "make a set to train on of photographs, speech, random or any bytes"},
};

void PrintHelp(std::FILE* out) {
  fmt::print(out,
             "Occam trains tiny transformers and uses them as lossless compressors.\n\nUsage: "
             "occam COMMAND ...\n\n");
  for (const Command& command : kCommands)
    fmt::print(out, "  {:<12}{}\n", command.name, command.purpose);
  fmt::print(
      out,
      "\n'occam COMMAND --help' explains a command, 'occam --version' names the versions.\n\n{}",
      kExitCodes);
}

const Command* Find(const std::string& name) {
  for (const Command& command : kCommands) {
    if (name == command.name) return &command;
  }
  return nullptr;
}

int Dispatch(int argc, const char* const* argv) {
  const std::string self = std::filesystem::path(argc > 0 ? argv[0] : "occam").filename();
  if (const Command* command = Find(self)) return command->run(argc, argv);
  const std::string name = argc > 1 ? argv[1] : "";
  if (const Command* command = Find(name)) return command->run(argc - 1, argv + 1);
  if (name == "--version") {
    fmt::print("{}\n", VersionText());
    return 0;
  }
  if (name == "--help" || name == "-h" || name == "help") {
    PrintHelp(stdout);
    return 0;
  }
  if (name.empty()) {
    PrintHelp(stderr);
    return static_cast<int>(ErrorKind::kUsage);
  }
  throw UsageError(fmt::format("there is no command '{}'; see occam --help", name));
}

int Main(int argc, const char* const* argv) {
  try {
    return Dispatch(argc, argv);
  } catch (const EarlyExit&) {
    return 0;
  } catch (...) {
    return ReportFailure("occam: ");
  }
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  occam::PrepareLastResort();
  occam::KeepH5FromClosing();
  occam::OpenStandardDescriptors();
  return occam::FinishOutput(occam::Main(argc, argv));
}
