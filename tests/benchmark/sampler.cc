#include "sampler.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/time.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "data/base/file.h"

namespace occam {
namespace {

// A handler knows nothing but globals. What does not fit is left out.
std::array<std::atomic<uintptr_t>, 1 << 18> samples;
std::atomic<size_t> sample_count;

uintptr_t Interrupted([[maybe_unused]] const ucontext_t& context) {
#if defined(__x86_64__)
  return static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return context.uc_mcontext.pc;
#else
  return 0;
#endif
}

extern "C" void OnTimer(int, siginfo_t*, void* context) {
  const size_t at = sample_count.fetch_add(1, std::memory_order_relaxed);
  if (at < samples.size()) samples[at] = Interrupted(*static_cast<const ucontext_t*>(context));
}

void SetTimer(suseconds_t interval_us) {
  const itimerval timer{{0, interval_us}, {0, interval_us}};
  ::setitimer(ITIMER_PROF, &timer, nullptr);
}

template <typename T>
T At(const Bytes& bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// Where the executable lies in memory, which its symbols do not know.
uintptr_t LoadAddress() {
  uintptr_t address = 0;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        *static_cast<uintptr_t*>(out) = info->dlpi_addr;
        return 1;  // the first is the executable
      },
      &address);
  return address;
}

std::string Demangled(const std::string& name) {
  int status = 0;
  char* const text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  return result;
}

}  // namespace

FunctionNames::FunctionNames() {
  const Bytes file = ReadFile("/proc/self/exe");
  const auto header = At<ElfW(Ehdr)>(file, 0);
  const uintptr_t base = LoadAddress();
  const auto section = [&](size_t i) {
    return At<ElfW(Shdr)>(file, header.e_shoff + i * header.e_shentsize);
  };
  for (size_t i = 0; i < header.e_shnum; ++i) {
    const auto table = section(i);
    if (table.sh_type != SHT_SYMTAB) continue;
    const auto strings = section(table.sh_link);
    for (uint64_t at = 0; at < table.sh_size; at += table.sh_entsize) {
      const auto symbol = At<ElfW(Sym)>(file, table.sh_offset + at);
      if ((symbol.st_info & 0xf) != STT_FUNC || symbol.st_size == 0) continue;
      const uintptr_t begin = base + symbol.st_value;
      const auto* name = file.data() + strings.sh_offset + symbol.st_name;
      functions_.push_back(
          {begin, begin + symbol.st_size, std::string(reinterpret_cast<const char*>(name))});
    }
  }
  std::ranges::sort(functions_, {}, &Function::begin);
}

std::string FunctionNames::Of(uintptr_t address) const {
  auto after = std::ranges::upper_bound(functions_, address, {}, &Function::begin);
  if (after != functions_.begin() && address < (--after)->end) return Demangled(after->mangled);
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(address), &info) == 0) return "generated code";
  return "shared library " + std::string(info.dli_fname);
}

void Sampler::Start() {
  constexpr suseconds_t kInterval_us = 1000;  // the system may take longer
  sample_count = 0;
  struct sigaction action {};
  action.sa_sigaction = OnTimer;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigaction(SIGPROF, &action, nullptr);
  SetTimer(kInterval_us);
}

void Sampler::Stop() { SetTimer(0); }

std::map<std::string, size_t> Sampler::Counts(const FunctionNames& names) {
  std::map<uintptr_t, size_t> by_address;
  const size_t count = std::min(sample_count.load(), samples.size());
  for (size_t i = 0; i < count; ++i) ++by_address[samples[i]];
  std::map<std::string, size_t> counts;
  for (const auto& [address, n] : by_address) counts[names.Of(address)] += n;
  return counts;
}

}  // namespace occam
