// What the processor can do, limited by OCCAM_MAX_ISA. Every dispatcher asks here, so that one
// variable holds for all of them (docs/architecture.md, "Speed").
#ifndef OCCAM_DATA_BASE_CPU_H_
#define OCCAM_DATA_BASE_CPU_H_

namespace occam {

// Instruction sets in the order of what they add, named as oneDNN names them (ONEDNN_MAX_CPU_ISA).
enum class Isa {
  kPlain,       // PLAIN: scalar code of ours, whatever the compiler's baseline is
  kSse41,       // SSE41
  kAvx2,        // AVX2 (with FMA)
  kAvx512,      // AVX512_CORE: F, BW, CD, DQ, VL
  kAvx512Vnni,  // AVX512_CORE_VNNI
  kAvx512Bf16,  // AVX512_CORE_BF16
  kAmx,         // AVX512_CORE_AMX: int8 and bf16 tiles
};

const char* IsaName(Isa isa);

// The best one that this processor has and OCCAM_MAX_ISA allows; read once. A value that is no name
// is kUsage.
Isa UsableIsa();

}  // namespace occam

#endif  // OCCAM_DATA_BASE_CPU_H_
