// The loops of products on AMX tiles, on any processor: over an emulation of the tiles, against the
// products by vectors.
#include <cstring>
#include <vector>

#include "data/base/random.h"
#include "model/exact/tile_product.h"
#include "tests/catch.h"
// This one needs what is in the one above.
#include "model/exact/tile_product-inl.h"

namespace occam {
namespace {

// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: TILEZERO, TILELOADD,
// TILESTORED, TDPBSSD, for tiles of 16 rows of 64 bytes.
class EmulatedTiles {
 public:
  // Tiles hold anything when they are configured.
  struct Scope {
    Scope() {
      ++scopes;
      std::memset(tiles, 0x5a, sizeof(tiles));
    }
    ~Scope() { --scopes; }
  };

  template <int kTile>
  static void Zero() {
    REQUIRE(scopes == 1);
    std::memset(tiles[kTile], 0, sizeof(tiles[kTile]));
  }
  template <int kTile>
  static void Load(const void* from, int64_t stride) {
    for (int r = 0; r < 16; ++r) {
      std::memcpy(tiles[kTile][r], static_cast<const std::byte*>(from) + r * stride, 64);
    }
  }
  template <int kTile>
  static void Store(void* to, int64_t stride) {
    for (int r = 0; r < 16; ++r) {
      std::memcpy(static_cast<std::byte*>(to) + r * stride, tiles[kTile][r], 64);
    }
  }
  template <int kTile>
  static void Dot() {
    for (int m = 0; m < 16; ++m) {
      for (int n = 0; n < 16; ++n) {
        int32_t sum;
        std::memcpy(&sum, &tiles[kTile][m][4 * n], 4);
        for (int k = 0; k < 16; ++k) {
          for (int i = 0; i < 4; ++i) sum += tiles[6][m][4 * k + i] * tiles[7][k][4 * n + i];
        }
        std::memcpy(&tiles[kTile][m][4 * n], &sum, 4);
      }
    }
  }

  static inline int scopes = 0;

 private:
  static inline int8_t tiles[8][16][64] = {};
};

struct Product {
  int outputs, inputs, rows;
  bool add;
};

std::vector<float> Apply(const LinearLayer& layer, const Product& p) {
  Random random(7);
  const RowBuffer<int8_t> x(kTileRows, RoundUp(p.inputs, kCodePad));
  for (int i = 0; i < kTileRows * RoundUp(p.inputs, kCodePad); ++i) {
    x.data()[i] = static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127);
  }
  std::vector<float> x_scales(kTileRows);
  for (float& scale : x_scales) scale = 1.0f + random.Symmetric(0.5f);
  const RowBuffer<float> y(kTileRows, RoundUp(p.outputs, kFloatPad));
  for (int r = 0; r < kTileRows; ++r) {
    for (int j = 0; j < p.outputs; ++j) y.row(r)[j] = random.Symmetric(1e5f);
  }
  const AlignedArray<std::byte> scratch(layer.scratch_bytes());
  layer.Apply(x.data(), x_scales.data(), p.rows, p.add, y.data(), scratch.data());
  std::vector<float> result;
  for (int r = 0; r < kTileRows; ++r) {
    result.insert(result.end(), y.row(r), y.row(r) + p.outputs);
  }
  return result;
}

TEST_CASE("Tiles: products of every shape and number of rows are those of the vectors") {
  const auto kernels = MakeFastKernels();
  const auto* const fast = dynamic_cast<const FastKernels*>(kernels.get());
  if (fast == nullptr) return;  // plain kernels alone
  Random random(1);
  for (const int outputs : {1, 16, 24, 48, 57, 96, 144, 160}) {
    for (const int inputs : {8, 48, 64, 72, 192}) {
      std::vector<int8_t> codes(static_cast<size_t>(outputs * inputs));
      for (int8_t& code : codes) {
        code = static_cast<int8_t>(static_cast<int>(random.Below(127)) - 63);
      }
      std::vector<float> scales(static_cast<size_t>(outputs));
      for (float& scale : scales) scale = 1.0f + random.Symmetric(0.5f);
      const auto vectors = fast->MakeVectorLinear(codes, scales, outputs, inputs);
      const auto tiles =
          fast->MakeTileLinear(&MultiplyOn<EmulatedTiles>, codes, scales, outputs, inputs);
      for (const int rows : {1, 15, 16, 17, 32, 33, 49, kTileRows}) {
        for (const bool add : {false, true}) {
          const Product p{outputs, inputs, rows, add};
          INFO(rows << " x [" << outputs << ", " << inputs << "]");
          REQUIRE((Apply(*tiles, p) == Apply(*vectors, p)));
          REQUIRE(EmulatedTiles::scopes == 0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace occam
