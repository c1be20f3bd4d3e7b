#include "data/base/cpu.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "data/base/error.h"

namespace occam {
namespace {

constexpr Isa kAll[] = {Isa::kPlain,      Isa::kSse41,      Isa::kAvx2, Isa::kAvx512,
                        Isa::kAvx512Vnni, Isa::kAvx512Bf16, Isa::kAmx};

Isa Detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.1")) return Isa::kPlain;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::kSse41;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512vl")) {
    return Isa::kAvx2;
  }
  if (!__builtin_cpu_supports("avx512vnni")) return Isa::kAvx512;
  // CPUID leaf 7: AVX512-BF16 is subleaf 1, EAX bit 5; AMX-BF16, AMX-TILE and AMX-INT8 are subleaf
  // 0, EDX bits 22, 24 and 25. Older compilers know no names for them.
  unsigned eax = 7, ebx = 0, ecx = 1, edx = 0;
  __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  if ((eax & (1u << 5)) == 0) return Isa::kAvx512Vnni;
  eax = 7, ecx = 0;
  __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  constexpr unsigned kAmxBits = (1u << 22) | (1u << 24) | (1u << 25);
  return (edx & kAmxBits) == kAmxBits ? Isa::kAmx : Isa::kAvx512Bf16;
#else
  return Isa::kPlain;
#endif
}

Isa Limit() {
  const char* text = std::getenv("OCCAM_MAX_ISA");
  if (text == nullptr || *text == '\0') return Isa::kAmx;
  std::string names;
  for (const Isa isa : kAll) {
    if (std::string(text) == IsaName(isa)) return isa;
    names += std::string(" ") + IsaName(isa);
  }
  throw UsageError(std::string("OCCAM_MAX_ISA=") + text + " is no instruction set; known are" +
                   names);
}

}  // namespace

const char* IsaName(Isa isa) {
  switch (isa) {
    case Isa::kPlain:
      return "PLAIN";
    case Isa::kSse41:
      return "SSE41";
    case Isa::kAvx2:
      return "AVX2";
    case Isa::kAvx512:
      return "AVX512_CORE";
    case Isa::kAvx512Vnni:
      return "AVX512_CORE_VNNI";
    case Isa::kAvx512Bf16:
      return "AVX512_CORE_BF16";
    case Isa::kAmx:
      return "AVX512_CORE_AMX";
  }
  return "?";
}

Isa UsableIsa() {
  static const Isa isa = std::min(Detect(), Limit());
  return isa;
}

}  // namespace occam
