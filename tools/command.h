// The common part of the commands: reading their options, and turning failures into one line and an
// exit code.
#ifndef OCCAM_TOOLS_COMMAND_H_
#define OCCAM_TOOLS_COMMAND_H_

#include <atomic>
#include <cstdint>
#include <cxxopts.hpp>
#include <functional>
#include <string>
#include <vector>

#include "data/base/error.h"
#include "tools/exit_code.h"

namespace occam {

// The commands, each in a file of tools/commands/. They parse, call the libraries and print; they
// return the exit code and throw Error.
int TrainCommand(int argc, const char* const* argv);
int CompressCommand(int argc, const char* const* argv);
int DecompressCommand(int argc, const char* const* argv);
int BenchmarkCommand(int argc, const char* const* argv);
int EvaluateCommand(int argc, const char* const* argv);
int BaselinesCommand(int argc, const char* const* argv);
int GenerateCommand(int argc, const char* const* argv);
int ExplainCommand(int argc, const char* const* argv);
int ImportCommand(int argc, const char* const* argv);
int InspectCommand(int argc, const char* const* argv);
int PrepareCommand(int argc, const char* const* argv);

// Adds --help and --version, parses, and answers those two by printing and throwing EarlyExit. What
// cxxopts cannot parse becomes kUsage. The page shows the `groups`
// of options in this order, then the help options; `epilogue` follows the option list: examples and
// exit codes.
cxxopts::ParseResult ParseOptions(cxxopts::Options* options, int argc, const char* const* argv,
                                  const std::vector<std::string>& groups,
                                  const std::string& epilogue);

// Libraries do not know the options. What act() throws of this kind is thrown on with the option
// that helps: "MESSAGE (HINT)".
template <typename Act>
auto WithHint(const std::string& hint, const Act& act, ErrorKind kind = ErrorKind::kUsage) {
  try {
    return act();
  } catch (const Error& error) {
    if (error.kind() != kind) throw;
    throw Error(kind, std::string(error.what()) + " (" + hint + ")");
  }
}

// The same for commands with the option --memory.
template <typename Act>
auto WithMemoryHint(const Act& act) {
  return WithHint("--memory LIMIT sets how much may be taken", act, ErrorKind::kMemory);
}

// Returns how many bytes --memory allows. Without the option that is the usual limit, and four
// bytes for each byte of the model at `model_path`, if there is one. The user named it: no archive
// chooses it. Throws kUsage.
uint64_t MemoryFrom(const cxxopts::ParseResult& args, const std::string& model_path);

// An option's text, or "" where it was not given.
std::string TextOf(const cxxopts::ParseResult& args, const std::string& name);

// The items of an option that takes a list, "a,b,c", and may be given several times.
std::vector<std::string> ListOf(const cxxopts::ParseResult& args, const std::string& name);

// Returns the number of threads that -T asks for, 0 for one a processor. More than
// kMaxThreadsPerProcessor for each processor that the process may use only take memory and time:
// they are refused.
int ThreadsFrom(const cxxopts::ParseResult& args);

struct EarlyExit {};

// Prints, in a handler, the exception in one line on standard error, after `prefix`. Returns its
// exit code. Throws nothing: where there is no memory to format the line, it says that.
int ReportFailure(const char* prefix);

// The last call of a program that ends with `code`: writes what was printed. Returns the exit code,
// which is kIo's where the work went well and not all that was printed could be written.
int FinishOutput(int code);

// "occam VERSION (numeric contract N, file format N, commit ...)": of the commit that was built,
// with "-changed" where files differed from it. Sources without git say that it is unknown.
std::string VersionText();

// The exit codes, for every --help.
extern const char kExitCodes[];

// Set by the first SIGINT, SIGTERM or SIGHUP (unless that was ignored) once this has been called.
// What follows within a second counts as the same request: a terminal or timeout(1) may tell the
// process and its group. A later one ends the process at once. Called before the threads that
// compute are started: they must inherit that these signals are blocked, as the caller's are now.
//
// Whatever is at work, the process ends within kGrace of the first request, with
// kInterruptedExitCode and no temporary file left, unless it does PatientWork.
const std::atomic<bool>& CatchInterrupts();

// While one lives, a request to stop is only noticed, however long the work takes to stop. A
// training writes what it has learned, and works on no step meanwhile.
class PatientWork {
 public:
  PatientWork();
  ~PatientWork();
  PatientWork(const PatientWork&) = delete;
  PatientWork& operator=(const PatientWork&) = delete;
};

}  // namespace occam

#endif  // OCCAM_TOOLS_COMMAND_H_
