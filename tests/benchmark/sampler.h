// Tells where a process spends its processor time, by function. A timer of the system interrupts it
// a few hundred times a second of that time, and what it was doing is counted. Nothing is measured
// inside of the code itself, which so runs as it always does.
#ifndef OCCAM_TESTS_BENCHMARK_SAMPLER_H_
#define OCCAM_TESTS_BENCHMARK_SAMPLER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace occam {

// The functions of this executable, from its own symbol table.
class FunctionNames {
 public:
  FunctionNames();
  // "occam::...::Attend(...)"; "shared library" of code of others; "generated code" where no file
  // is behind it, which is oneDNN's.
  std::string Of(uintptr_t address) const;

 private:
  struct Function {
    uintptr_t begin, end;
    std::string mangled;
  };
  std::vector<Function> functions_;  // in the order of their addresses
};

// Samples the whole process between Start and Stop. There is one at a time.
class Sampler {
 public:
  static void Start();
  static void Stop();
  // Samples by function since the last Start.
  static std::map<std::string, size_t> Counts(const FunctionNames& names);
};

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_SAMPLER_H_
