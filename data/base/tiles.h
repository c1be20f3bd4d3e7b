// AMX: matrix registers of 16 rows of 64 bytes, eight a thread.
#ifndef OCCAM_DATA_BASE_TILES_H_
#define OCCAM_DATA_BASE_TILES_H_

namespace occam {

// Returns whether the processor has tiles for bytes and bfloat16, OCCAM_MAX_ISA allows them, and
// the operating system grants them. The first call asks it. Thread-safe.
bool CanUseTiles();

// Tiles are the calling thread's alone, all of 16 rows of 64 bytes while this lives, and released
// with it; oneDNN configures them for itself in between. Only where CanUseTiles().
class TileScope {
 public:
  TileScope();
  ~TileScope();
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_TILES_H_
