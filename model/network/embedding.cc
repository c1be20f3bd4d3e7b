#include "model/network/embedding.h"

#include <algorithm>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {

void EmbeddingForward(ConstTensorView table, std::span<const int32_t> symbols, TensorView x) {
  for (size_t n = 0; n < symbols.size(); ++n) {
    if (symbols[n] < 0 || symbols[n] >= table.rows) {
      throw InternalError(fmt::format("input {} is symbol {}, beyond the {} of the embedding", n,
                                      symbols[n], table.rows));
    }
    std::copy_n(table.row(symbols[n]), table.columns, x.row(static_cast<int64_t>(n)));
  }
}

void EmbeddingAdd(ConstTensorView table, std::span<const int32_t> rows, TensorView x) {
  for (size_t n = 0; n < rows.size(); ++n) {
    if (rows[n] < 0) continue;
    const float* from = table.row(rows[n]);
    float* to = x.row(static_cast<int64_t>(n));
    for (int64_t i = 0; i < x.columns; ++i) to[i] += from[i];
  }
}

void EmbeddingBackward(std::span<const int32_t> symbols, ConstTensorView dx, TensorView dtable) {
  for (size_t n = 0; n < symbols.size(); ++n) {
    if (symbols[n] < 0) continue;
    const float* from = dx.row(static_cast<int64_t>(n));
    float* to = dtable.row(symbols[n]);
    for (int64_t i = 0; i < dx.columns; ++i) to[i] += from[i];
  }
}

}  // namespace occam
