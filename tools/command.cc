#include "tools/command.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <filesystem>
#include <new>
#include <system_error>
#include <thread>

#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/base/memory.h"
#include "data/base/printable.h"
#include "data/base/processors.h"
#include "data/base/units.h"

namespace occam {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

constexpr int64_t kOneRequest_ns = 1'000'000'000;
std::atomic<int64_t> first_interrupt_ns{0};  // 0: there was none
static_assert(std::atomic<int64_t>::is_always_lock_free);

// Calls nothing but what POSIX allows in a handler.
extern "C" void OnInterrupt(int signal) {
  std::timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  const int64_t now_ns = int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  interrupted = true;
  int64_t first_ns = 0;
  if (first_interrupt_ns.compare_exchange_strong(first_ns, now_ns)) return;
  if (now_ns - first_ns < kOneRequest_ns) return;
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

// How long after the first request the process ends by itself.
constexpr std::chrono::milliseconds kGrace{1500};
std::atomic<int> patient_works{0};

sigset_t RequestsToStop() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, signal);
  return signals;
}

// Takes the signals, one that comes between a look at the flag and the wait for it included. Ends
// the process where it does not end by itself: what a library of others computes cannot be told to
// stop, and what waits for a file cannot be woken.
[[noreturn]] void AwaitRequests() {
  const sigset_t signals = RequestsToStop();
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &signals, &before);
  while (!interrupted) ::sigsuspend(&before);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::this_thread::sleep_for(kGrace);
  while (patient_works > 0) std::this_thread::sleep_for(kGrace / 10);
  RemoveUnfinished();
  ::_exit(kInterruptedExitCode);
}

// On processors of AVX and AVX2, oneDNN's float products (jit_avx_gemm_f32) let the stack pointer
// point to a buffer on the heap: a handler that interrupts them writes its frame over what lies
// before it. So one thread does nothing but be interrupted; this one and all that it starts from
// now on block these signals.
void LetOneThreadBeInterrupted() {
  try {
    std::thread(AwaitRequests).detach();
  } catch (const std::system_error& error) {
    throw IoError(std::string("cannot start a thread: ") + error.what());
  }
  const sigset_t signals = RequestsToStop();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

// Prints without taking memory. Returns the exit code.
int ReportOutOfMemory(const char* prefix) {
  std::fputs(prefix, stderr);
  std::fputs("out of memory\n", stderr);
  std::fflush(stderr);
  return ExitCode(ErrorKind::kMemory);
}

}  // namespace

const char kExitCodes[] =
    "Exit codes: 0 fine, 2 wrong usage, 3 input or output failed, 4 damaged or wrong data, 70 a "
    "bug of Occam,\n"
    "130 interrupted.\n";

cxxopts::ParseResult ParseOptions(cxxopts::Options* options, int argc, const char* const* argv,
                                  const std::vector<std::string>& groups,
                                  const std::string& epilogue) {
  options->set_width(110);
  options->add_options("Help")("h,help", "Print this page")(
      "version", "Print the versions of program and formats");
  try {
    cxxopts::ParseResult result = options->parse(argc, argv);
    if (result.count("help") > 0) {
      std::vector<std::string> pages = groups;
      pages.push_back("Help");
      fmt::print("{}\n{}\n{}", options->help(pages), epilogue, kExitCodes);
      throw EarlyExit{};
    }
    if (result.count("version") > 0) {
      fmt::print("{}\n", VersionText());
      throw EarlyExit{};
    }
    return result;
  } catch (const cxxopts::exceptions::exception& e) {
    throw UsageError(fmt::format("{}; see {} --help", e.what(), options->program()));
  }
}

std::string TextOf(const cxxopts::ParseResult& args, const std::string& name) {
  return args.count(name) > 0 ? args[name].as<std::string>() : "";
}

std::vector<std::string> ListOf(const cxxopts::ParseResult& args, const std::string& name) {
  std::vector<std::string> items;
  for (const std::string& text : args[name].as<std::vector<std::string>>()) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      items.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return items;
}

int ThreadsFrom(const cxxopts::ParseResult& args) {
  const int threads = args["threads"].as<int>();
  if (threads < 0) throw UsageError("--threads must not be negative");
  const int processors = ProcessorCount();
  if (threads > kMaxThreadsPerProcessor * int64_t{processors}) {
    throw UsageError(
        fmt::format("--threads {} is too many: this process may use {} processor{} and starts at "
                    "most {} threads for each, {}; 0 means one for each",
                    threads, processors, processors == 1 ? "" : "s", kMaxThreadsPerProcessor,
                    kMaxThreadsPerProcessor * processors));
  }
  return threads;
}

uint64_t MemoryFrom(const cxxopts::ParseResult& args, const std::string& model_path) {
  const int64_t bytes = ParseCount(args["memory"].as<std::string>(), "--memory");
  if (bytes < 1) throw UsageError("--memory is a number of bytes, such as 4G, and not 0");
  const auto limit = static_cast<uint64_t>(bytes);
  std::error_code error;
  if (args.count("memory") > 0 || !std::filesystem::is_regular_file(model_path, error))
    return limit;
  // Weights, and once more as kernels want them; caches of lanes and what segments need beside
  // them.
  constexpr uint64_t kOfModelByte = 4;
  const uint64_t size = std::filesystem::file_size(model_path, error);
  return error ? limit : SaturatingSum(limit, SaturatingProduct(kOfModelByte, size));
}

int ReportFailure(const char* prefix) {
  const auto fail = [prefix](ErrorKind kind, const char* why, const char* message) {
    try {
      fmt::print(stderr, "{}{}{}\n", prefix, why, Printable(message));
    } catch (const std::bad_alloc&) {
      // To format the message takes memory, too.
      return ReportOutOfMemory(prefix);
    }
    std::fflush(stderr);
    return ExitCode(kind);
  };
  try {
    throw;
  } catch (const Error& e) {
    return fail(e.kind(), "", e.what());
  } catch (const std::bad_alloc&) {
    return ReportOutOfMemory(prefix);
  } catch (const std::system_error& e) {  // of the standard library: files, threads
    return fail(ErrorKind::kIo, "", e.what());
  } catch (const std::exception& e) {
    return fail(ErrorKind::kInternal, "a bug of Occam, please report it: ", e.what());
  }
}

int FinishOutput(int code) {
  const bool lost = std::ferror(stdout) != 0;  // what fmt::print could not write
  // A full disk behind standard output shows only when it is flushed.
  const bool written = std::fflush(stdout) == 0;
  if (code != 0 || (written && !lost)) return code;
  // Without {fmt}, which takes memory: nothing is caught any more here.
  const char* const why = written ? nullptr : std::strerror(errno);
  std::fputs("occam: cannot write standard output", stderr);
  if (why != nullptr) std::fprintf(stderr, ": %s", why);
  std::fputs("\n", stderr);
  return ExitCode(ErrorKind::kIo);
}

PatientWork::PatientWork() { ++patient_works; }
PatientWork::~PatientWork() { --patient_works; }

const std::atomic<bool>& CatchInterrupts() {
  std::signal(SIGINT, OnInterrupt);
  std::signal(SIGTERM, OnInterrupt);
  // A closed terminal counts, too, but not for a program that was started with nohup.
  if (std::signal(SIGHUP, OnInterrupt) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
  // Not by call_once, which runs within the C library: where there is no memory left that aborts,
  // rather than let an exception pass.
  [[maybe_unused]] static const bool once = [] {
    LetOneThreadBeInterrupted();
    return true;
  }();
  return interrupted;
}

}  // namespace occam
