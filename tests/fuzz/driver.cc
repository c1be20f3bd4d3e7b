// Runs a fuzz target without libFuzzer: over every file of a corpus and over changed copies of it,
// always the same ones.
//
//   fuzz_TARGET CHANGES FOLDER_OR_FILE...   CHANGES copies of each file
//   fuzz_TARGET show FILE N                 the N-th changed copy of a file, on standard output
//
// Where the target ends the program, its last words name the file and the copy.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "data/base/file.h"
#include "data/base/random.h"
#include "tests/fuzz/target.h"

namespace occam::fuzz {
namespace {

// What is running, for the last words; no function may be called to find it out.
char g_running[4200];

void SayLastWords(int signal_number) {
  [[maybe_unused]] const ssize_t written = ::write(2, g_running, std::strlen(g_running));
  ::signal(signal_number, SIG_DFL);
  ::raise(signal_number);
}

std::vector<std::string> FilesOf(const std::string& where) {
  if (!std::filesystem::is_directory(where)) return {where};
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(where))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// A number in [0, bound) that is mostly small; bound >= 1.
size_t MostlySmall(Random* random, size_t bound) {
  return static_cast<size_t>(random->Below(1 + random->Below(bound)));
}

// One change as fuzzers make them: bits, bytes, numbers at the edges of their types, pieces that
// go, come twice or come from elsewhere.
void Change(Random* random, Bytes* bytes) {
  constexpr uint32_t kEdges[] = {0,      1,      0x7f,    0x80,       0xff,       0x100,
                                 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
  if (bytes->empty()) bytes->push_back(0);
  const auto at = static_cast<size_t>(random->Below(bytes->size()));
  const auto place = bytes->begin() + static_cast<std::ptrdiff_t>(at);
  const size_t length = 1 + MostlySmall(random, bytes->size() - at);
  const auto end = place + static_cast<std::ptrdiff_t>(length);
  switch (random->Below(7)) {
    case 0:
      *place ^= static_cast<uint8_t>(1 << random->Below(8));
      break;
    case 1:
      *place = static_cast<uint8_t>(random->Next());
      break;
    case 2: {
      const uint32_t edge = kEdges[random->Below(std::size(kEdges))];
      for (size_t i = 0; i < 4 && at + i < bytes->size(); ++i)
        (*bytes)[at + i] = static_cast<uint8_t>(edge >> (8 * i));
      break;
    }
    case 3:
      bytes->erase(place, end);
      break;
    case 4: {
      const Bytes piece(place, end);
      bytes->insert(place, piece.begin(), piece.end());
      break;
    }
    case 5: {
      const Bytes piece(place, end);
      const auto to = static_cast<size_t>(random->Below(bytes->size()));
      std::copy_n(piece.begin(), std::min(piece.size(), bytes->size() - to),
                  bytes->begin() + static_cast<std::ptrdiff_t>(to));
      break;
    }
    default:
      bytes->resize(at);
  }
}

// Copy 0 is the file itself.
Bytes ChangedCopy(const Bytes& file, uint64_t number) {
  Bytes copy = file;
  Random random(file.size(), number);
  const uint64_t changes = number == 0 ? 0 : 1 + random.Below(4);
  for (uint64_t i = 0; i < changes; ++i) Change(&random, &copy);
  return copy;
}

int Run(uint64_t changes, const std::vector<std::string>& places) {
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    ::signal(number, SayLastWords);
  uint64_t inputs = 0;
  for (const std::string& place : places) {
    for (const std::string& path : FilesOf(place)) {
      const Bytes file = ReadFile(path);
      for (uint64_t n = 0; n <= changes; ++n, ++inputs) {
        std::snprintf(g_running, sizeof(g_running), "The input was: show %s %d\n", path.c_str(),
                      static_cast<int>(n));
        const Bytes copy = ChangedCopy(file, n);
        LLVMFuzzerTestOneInput(copy.data(), copy.size());
      }
    }
  }
  std::printf("%d inputs held\n", static_cast<int>(inputs));
  return inputs > 0 ? 0 : 1;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() == 3 && arguments[0] == "show") {
    const Bytes copy = ChangedCopy(ReadFile(arguments[1]), std::stoull(arguments[2]));
    return std::fwrite(copy.data(), 1, copy.size(), stdout) == copy.size() ? 0 : 1;
  }
  if (arguments.size() < 2) {
    std::fputs("arguments: CHANGES FOLDER_OR_FILE..., or show FILE N\n", stderr);
    return 2;
  }
  return Run(std::stoull(arguments[0]), {arguments.begin() + 1, arguments.end()});
}

}  // namespace
}  // namespace occam::fuzz

int main(int argc, char** argv) {
  try {
    return occam::fuzz::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
