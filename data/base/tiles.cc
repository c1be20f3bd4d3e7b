#include "data/base/tiles.h"

#include "data/base/cpu.h"

#if defined(__x86_64__) && defined(__linux__)

#include <hwy/base.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

HWY_PUSH_ATTRIBUTES("amx-tile")
namespace occam {
namespace {

// Of all tiles, as LDTILECFG reads it (Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 1, section 18.3): 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t bytes_per_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);
// Not a local one: g++ 12's intrinsic reads, as far as the compiler sees, 8 of its bytes.
constexpr TileConfig kTiles;

void Configure() { _tile_loadconfig(&kTiles); }
void Release() { _tile_release(); }

// Linux gives a process the tiles' state only on request, once for all of its threads.
bool AskLinuxForTiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

bool CanUseTiles() {
  static const bool can = UsableIsa() >= Isa::kAmx && AskLinuxForTiles();
  return can;
}

TileScope::TileScope() { Configure(); }
TileScope::~TileScope() { Release(); }

}  // namespace occam
HWY_POP_ATTRIBUTES

#else  // no such processor

#include "data/base/error.h"

namespace occam {
bool CanUseTiles() { return false; }
TileScope::TileScope() { throw InternalError("this processor has no tiles"); }
TileScope::~TileScope() = default;
}  // namespace occam

#endif
