// The loops of MultiplyOnTiles over any Tiles: those of the processor (tile_product_amx.cc), and in
// tests an emulation of them. Included within the target's attributes, so there is no guard; what
// it needs is in tile_product.h.
//
// Tiles has a Scope in which tiles may be used. For tiles of 16 rows of 64 bytes it has, by number,
// Zero, Load, Store and Dot<T>. Dot adds tile 6, rows of bytes, times tile 7 to tile T of 32-bit
// sums. Tile 7 has four bytes of every column a row.

namespace occam {

// One or two tiles of rows times kPanels tiles of outputs: sums [16 kRows][kPanels][16] in tiles 0
// to 5. `ahead` is what will be multiplied next, fetched meanwhile.
template <class Tiles, int kRows, int kPanels>
void SumBlock(const int8_t* x, int64_t x_stride, const int8_t* w, int inputs, const int8_t* ahead,
              int32_t* sums) {
  constexpr int64_t kPanelBytes = 64;
  constexpr int64_t kStride = kPanels * kPanelBytes;
  const int64_t below = kTileSide * x_stride;
  Tiles::template Zero<0>();
  if constexpr (kPanels > 1) Tiles::template Zero<1>();
  if constexpr (kPanels > 2) Tiles::template Zero<2>();
  if constexpr (kRows > 1) Tiles::template Zero<3>();
  if constexpr (kRows > 1 && kPanels > 1) Tiles::template Zero<4>();
  if constexpr (kRows > 1 && kPanels > 2) Tiles::template Zero<5>();
  for (int k = 0; k < inputs; k += kTileInputs, x += kTileInputs) {
    Tiles::template Load<6>(x, x_stride);
    Tiles::template Load<7>(w, kStride);
    Tiles::template Dot<0>();
    if constexpr (kPanels > 1) {
      Tiles::template Load<7>(w + kPanelBytes, kStride);
      Tiles::template Dot<1>();
    }
    if constexpr (kPanels > 2) {
      Tiles::template Load<7>(w + 2 * kPanelBytes, kStride);
      Tiles::template Dot<2>();
    }
    if constexpr (kRows > 1) {  // the panels in reverse: the last one is still there
      Tiles::template Load<6>(x + below, x_stride);
      Tiles::template Dot<2 + kPanels>();
      if constexpr (kPanels > 2) {
        Tiles::template Load<7>(w + kPanelBytes, kStride);
        Tiles::template Dot<4>();
      }
      if constexpr (kPanels > 1) {
        Tiles::template Load<7>(w, kStride);
        Tiles::template Dot<3>();
      }
    }
    w += kTileSide * kStride;
    if (ahead != nullptr) {
      for (int i = 0; i < kTileSide * kPanels; ++i, ahead += 64) __builtin_prefetch(ahead);
    }
  }
  constexpr int64_t kSums = kPanels * kPanel;  // a row
  Tiles::template Store<0>(sums, kStride);
  if constexpr (kPanels > 1) Tiles::template Store<1>(sums + kPanel, kStride);
  if constexpr (kPanels > 2) Tiles::template Store<2>(sums + 2 * kPanel, kStride);
  sums += kTileSide * kSums;
  if constexpr (kRows > 1) Tiles::template Store<3>(sums, kStride);
  if constexpr (kRows > 1 && kPanels > 1) Tiles::template Store<4>(sums + kPanel, kStride);
  if constexpr (kRows > 1 && kPanels > 2) Tiles::template Store<5>(sums + 2 * kPanel, kStride);
}

template <class Tiles, int kPanels>
void MultiplyGroup(const FastKernels& kernels, const PackedWeights& w, int panel, const int8_t* x,
                   const float* x_scales, int rows, bool add, float* y, int32_t* sums) {
  constexpr int kAtOnce = kTilesOfRows * kTileSide;
  const int8_t* const codes = w.codes.data() + panel * w.panel_bytes();
  const int y_stride = RoundUp(w.outputs, kFloatPad);
  const bool more = panel + 2 * kPanels <= w.panels();  // a smaller group, the last, comes as it is
  const int8_t* ahead = more ? codes + kPanels * w.panel_bytes() : nullptr;
  for (int r = 0; r < rows; r += kAtOnce) {
    const int8_t* const block = x + int64_t{r} * w.inputs;
    if (rows - r > kTileSide) {
      SumBlock<Tiles, 2, kPanels>(block, w.inputs, codes, w.inputs, ahead, sums);
    } else {
      SumBlock<Tiles, 1, kPanels>(block, w.inputs, codes, w.inputs, ahead, sums);
    }
    ahead = nullptr;
    const int count = rows - r < kAtOnce ? rows - r : kAtOnce;
    kernels.Scale(w, panel, kPanels, sums, x_scales + r, count, add, y + int64_t{r} * y_stride);
  }
}

template <class Tiles>
void MultiplyOn(const FastKernels& kernels, const PackedWeights& w, const int8_t* x,
                const float* x_scales, int rows, bool add, float* y, std::byte* scratch) {
  const typename Tiles::Scope scope;
  auto* const sums = reinterpret_cast<int32_t*>(scratch);
  int panel = 0;
  for (; panel + kTilePanels <= w.panels(); panel += kTilePanels) {
    MultiplyGroup<Tiles, kTilePanels>(kernels, w, panel, x, x_scales, rows, add, y, sums);
  }
  const int left = w.panels() - panel;
  if (left == 2) MultiplyGroup<Tiles, 2>(kernels, w, panel, x, x_scales, rows, add, y, sums);
  if (left == 1) MultiplyGroup<Tiles, 1>(kernels, w, panel, x, x_scales, rows, add, y, sums);
}

}  // namespace occam
