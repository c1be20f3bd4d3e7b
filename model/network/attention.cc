#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/network/attention.cc"
#include "model/network/attention.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "data/base/error.h"
#include "data/base/simd_targets.h"
#include "model/network/exp2-inl.h"
#include "model/network/panel_product-inl.h"

#ifndef OCCAM_MODEL_ATTENTION_CC_ONCE_
#define OCCAM_MODEL_ATTENTION_CC_ONCE_
namespace occam {

// The longest panel of queries of any target.
constexpr int64_t kMaxPanel = 32;
// Scores of a panel and their gradients stay in the first level cache. A multiple of every block of
// rows.
constexpr int64_t kKeys = 120;

// Positions [begin, end) of a sequence.
struct Block {
  int64_t begin, end;
};

}  // namespace occam
#endif

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Lanes = hn::ScalableTag<float>;
static_assert(2 * hn::MaxLanes(Lanes()) <= kMaxPanel);

// Queries lie side by side in the lanes of two vectors, so that what there is one of for each query
// (sums, deltas, masks) is a vector and needs no sum across lanes: matrices with a row a feature or
// a key and a column a query are named ..._panel.
int64_t PanelWidth() { return 2 * static_cast<int64_t>(hn::Lanes(Lanes())); }

// panel [size, width] = rows [queries, size] transposed, times factor; zeros beyond the last query.
void ToPanel(ConstTensorView rows, float factor, TensorView panel) {
  for (int64_t i = 0; i < panel.rows; ++i) {
    float* to = panel.row(i);
    for (int64_t r = 0; r < rows.rows; ++r) to[r] = rows.row(r)[i] * factor;
    std::fill(to + rows.rows, to + panel.columns, 0.0f);
  }
}

// rows [queries, size] = panel [size, width] transposed, each query times its factor.
void FromPanel(ConstTensorView panel, const float* factors, TensorView rows) {
  for (int64_t r = 0; r < rows.rows; ++r) {
    for (int64_t i = 0; i < panel.rows; ++i) rows.row(r)[i] = panel.row(i)[r] * factors[r];
  }
}

// to [width, whole vectors] = rows [queries, size]; zeros beyond.
void ToPaddedRows(ConstTensorView rows, TensorView to) {
  for (int64_t r = 0; r < to.rows; ++r) {
    const int64_t count = r < rows.rows ? rows.columns : 0;
    if (count > 0) std::copy_n(rows.row(r), count, to.row(r));
    std::fill(to.row(r) + count, to.row(r) + to.columns, 0.0f);
  }
}

// Which queries of a panel see a key: those of lanes with 0 <= distance + lane < window, where
// distance is the first query's position less the key's.
struct Visibility {
  int64_t distance;
  int64_t window;
  bool whole(int64_t width) const { return distance >= 0 && distance + width <= window; }
  template <class V>
  HWY_INLINE V Masked(V x, int64_t first_lane) const {
    const hn::RebindToSigned<Lanes> di;
    const auto apart = hn::Iota(di, static_cast<int32_t>(distance + first_lane));
    const auto hidden = hn::Or(hn::Lt(apart, hn::Zero(di)),
                               hn::Gt(apart, hn::Set(di, static_cast<int32_t>(window - 1))));
    return hn::IfThenZeroElse(hn::RebindMask(Lanes(), hidden), x);
  }
};

// 2^score in place of the scores [keys, width] where the query sees the key, else 0. sums [width]
// += those of each query. `visibility` is the first key's.
void Exponentials(TensorView scores, Visibility visibility, float* sums) {
  const Lanes d;
  const int64_t half = scores.columns / 2;
  auto sum0 = hn::LoadU(d, sums), sum1 = hn::LoadU(d, sums + half);
  for (int64_t j = 0; j < scores.rows; ++j, --visibility.distance) {
    float* const row = scores.row(j);
    auto p0 = Exp2(d, hn::LoadU(d, row)), p1 = Exp2(d, hn::LoadU(d, row + half));
    if (!visibility.whole(scores.columns)) {
      p0 = visibility.Masked(p0, 0);
      p1 = visibility.Masked(p1, half);
    }
    hn::StoreU(p0, d, row);
    hn::StoreU(p1, d, row + half);
    sum0 = hn::Add(sum0, p0);
    sum1 = hn::Add(sum1, p1);
  }
  hn::StoreU(sum0, d, sums);
  hn::StoreU(sum1, d, sums + half);
}

// Probabilities in place of scores, and their gradient p * (dp - delta) in place of dp, both [keys,
// width]. inverse_sum, delta [width].
void ScoreGradients(TensorView scores, TensorView dp, Visibility visibility,
                    const float* inverse_sum, const float* delta) {
  const Lanes d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t j = 0; j < scores.rows; ++j, --visibility.distance) {
    const bool whole = visibility.whole(scores.columns);
    for (int64_t lane = 0; lane < scores.columns; lane += lanes) {
      float* const s = scores.row(j) + lane;
      float* const g = dp.row(j) + lane;
      auto p = hn::Mul(Exp2(d, hn::LoadU(d, s)), hn::LoadU(d, inverse_sum + lane));
      if (!whole) p = visibility.Masked(p, lane);
      hn::StoreU(p, d, s);
      hn::StoreU(hn::Mul(p, hn::Sub(hn::LoadU(d, g), hn::LoadU(d, delta + lane))), d, g);
    }
  }
}

// The first rows of a scratch tensor, as [rows, columns].
TensorView PartOf(Tensor* scratch, int64_t rows, int64_t columns) {
  return {scratch->data(), rows, columns, columns};
}

// Element (r, k) of a product's left side is x[r][k], or x[k][r].
Scalars AsIs(ConstTensorView x) { return {x.data, x.stride, 1}; }
Scalars Transposed(ConstTensorView x) { return {x.data, 1, x.stride}; }

// Keys that any query of a panel sees.
Block KeysOf(const AttentionShape& shape, Block queries) {
  return {std::max<int64_t>(0, queries.begin - shape.window + 1), queries.end};
}

float ScoreScale(const AttentionShape& shape) {
  return 3.0f / std::sqrt(static_cast<float>(shape.head_size));
}
// Of scores that are exponents of 2.
float ScoreFactor(const AttentionShape& shape) { return ScoreScale(shape) * 1.44269504f; }

ConstTensorView RowsOf(ConstTensorView x, Block block) {
  return x.Rows(block.begin, block.end - block.begin);
}
TensorView RowsOf(TensorView x, Block block) {
  return x.Rows(block.begin, block.end - block.begin);
}

// One head of one sequence: q, k, v, out [T, size], inverse_sum [T].
void ForwardHead(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                 ConstTensorView v, TensorView out, float* inverse_sum, AttentionScratch* scratch) {
  const int64_t width = PanelWidth(), size = shape.head_size;
  const TensorView q_panel = PartOf(&scratch->q_panel, size, width);
  const TensorView out_panel = PartOf(&scratch->out_panel, size, width);
  for (int64_t begin = 0; begin < shape.length; begin += width) {
    if (scratch->stop && Stopped(*scratch->stop)) return;
    const Block queries{begin, std::min<int64_t>(begin + width, shape.length)};
    const Block seen = KeysOf(shape, queries);
    ToPanel(RowsOf(q, queries), ScoreFactor(shape), q_panel);
    float sums[kMaxPanel] = {};
    for (int64_t key = seen.begin; key < seen.end; key += kKeys) {
      const Block keys{key, std::min(key + kKeys, seen.end)};
      const TensorView p = PartOf(&scratch->scores, keys.end - keys.begin, width);
      PanelProduct(AsIs(RowsOf(k, keys)), q_panel, p, /*add=*/false);
      Exponentials(p, {begin - key, shape.window}, sums);
      PanelProduct(Transposed(RowsOf(v, keys)), p, out_panel, /*add=*/key != seen.begin);
    }
    for (int64_t t = begin; t < queries.end; ++t) inverse_sum[t] = 1.0f / sums[t - begin];
    FromPanel(out_panel, inverse_sum + begin, RowsOf(out, queries));
  }
}

float Dot(const float* a, const float* b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// One head of one sequence; dq =, dk and dv +=, these with rows of whole vectors. With P the
// probabilities, o = P v: dv = P^T do, dP = do v^T, dS = P (dP - rowsum(do o)) beta, dq = dS k, dk
// = dS^T q. beta is in do_panel and delta.
void BackwardHead(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                  ConstTensorView v, ConstTensorView out, const float* inverse_sum,
                  ConstTensorView dout, TensorView dq, TensorView dk, TensorView dv,
                  AttentionScratch* scratch) {
  const int64_t width = PanelWidth(), size = shape.head_size;
  const float beta = ScoreScale(shape);
  const TensorView q_panel = PartOf(&scratch->q_panel, size, width);
  const TensorView dout_panel = PartOf(&scratch->dout_panel, size, width);
  const TensorView dq_panel = PartOf(&scratch->out_panel, size, width);
  const TensorView q_rows = PartOf(&scratch->q_rows, width, dk.columns);
  const TensorView dout_rows = PartOf(&scratch->dout_rows, width, dk.columns);
  float ones[kMaxPanel];
  std::fill_n(ones, kMaxPanel, 1.0f);
  for (int64_t begin = 0; begin < shape.length; begin += width) {
    if (scratch->stop && Stopped(*scratch->stop)) return;
    const Block queries{begin, std::min<int64_t>(begin + width, shape.length)};
    const Block seen = KeysOf(shape, queries);
    ToPanel(RowsOf(q, queries), ScoreFactor(shape), q_panel);
    ToPanel(RowsOf(dout, queries), beta, dout_panel);
    ToPaddedRows(RowsOf(q, queries), q_rows);
    ToPaddedRows(RowsOf(dout, queries), dout_rows);
    float delta[kMaxPanel] = {}, inverse[kMaxPanel] = {};
    for (int64_t t = begin; t < queries.end; ++t) {
      delta[t - begin] = beta * Dot(dout.row(t), out.row(t), size);
      inverse[t - begin] = inverse_sum[t];
    }
    for (int64_t key = seen.begin; key < seen.end; key += kKeys) {
      const Block keys{key, std::min(key + kKeys, seen.end)};
      const TensorView p = PartOf(&scratch->scores, keys.end - keys.begin, width);
      const TensorView ds = PartOf(&scratch->dscores, p.rows, width);
      PanelProduct(AsIs(RowsOf(k, keys)), q_panel, p, /*add=*/false);
      PanelProduct(AsIs(RowsOf(v, keys)), dout_panel, ds, /*add=*/false);
      ScoreGradients(p, ds, {begin - key, shape.window}, inverse, delta);
      PanelProduct(AsIs(p), dout_rows, RowsOf(dv, keys), /*add=*/true);
      PanelProduct(AsIs(ds), q_rows, RowsOf(dk, keys), /*add=*/true);
      PanelProduct(Transposed(RowsOf(k, keys)), ds, dq_panel, /*add=*/key != seen.begin);
    }
    FromPanel(dq_panel, ones, RowsOf(dq, queries));
  }
}

int64_t WholeVectors(int64_t size) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(Lanes()));
  return (size + lanes - 1) / lanes * lanes;
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(ForwardHead);
HWY_EXPORT(BackwardHead);
HWY_EXPORT(WholeVectors);

namespace {

// The rows of one sequence and the columns of one head, [T, size].
template <typename T>
BasicTensorView<T> HeadOf(const AttentionShape& shape, BasicTensorView<T> x, int sequence,
                          int head) {
  return x.Rows(int64_t{sequence} * shape.length, shape.length)
      .Columns(int64_t{head} * shape.head_size, shape.head_size);
}

template <typename T>
T* SumsOf(const AttentionShape& shape, std::span<T> sums, int sequence, int head) {
  return sums.data() + (int64_t{sequence} * shape.heads + head) * shape.length;
}

HeadShape ShapeOfHead(const AttentionShape& shape) {
  return {shape.length, shape.head_size, shape.window};
}

void Bfloat16Forward(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                     ConstTensorView v, TensorView out, std::span<float> inverse_sum,
                     Bfloat16Heads* heads) {
  const int group = shape.heads / shape.kv_heads;
  const HeadShape head = ShapeOfHead(shape);
  for (int b = 0; b < shape.sequences; ++b) {
    for (int h = 0; h < shape.heads; ++h) {
      const auto of = [&](auto x, int i) { return HeadOf(shape, x, b, i); };
      if (h % group == 0) heads->LoadForForward(head, of(k, h / group), of(v, h / group));
      heads->Forward(head, of(q, h), of(out, h), SumsOf(shape, inverse_sum, b, h));
    }
  }
}

void Bfloat16Backward(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                      ConstTensorView v, ConstTensorView out, std::span<const float> inverse_sum,
                      ConstTensorView dout, TensorView dq, TensorView dk, TensorView dv,
                      Bfloat16Heads* heads) {
  const int group = shape.heads / shape.kv_heads;
  const HeadShape head = ShapeOfHead(shape);
  for (int b = 0; b < shape.sequences; ++b) {
    for (int h = 0; h < shape.heads; ++h) {
      const auto of = [&](auto x, int i) { return HeadOf(shape, x, b, i); };
      if (h % group == 0) heads->LoadForBackward(head, of(k, h / group), of(v, h / group));
      heads->Backward(head, of(q, h), of(out, h), SumsOf(shape, inverse_sum, b, h), of(dout, h),
                      of(dq, h));
      if (h % group == group - 1) {
        heads->StoreKeyGradients(head, of(dk, h / group), of(dv, h / group));
      }
    }
  }
}

}  // namespace

AttentionScratch::AttentionScratch(Precision precision_in) : precision(precision_in) {
  if (precision == Precision::kBfloat16 && !HasFastBfloat16()) {
    throw UsageError("this processor has no fast bfloat16 products, which attention is to use");
  }
}

void AttentionScratch::Reserve(const AttentionShape& shape) {
  if (shape.head_size % 8 != 0) throw InternalError("a head's size is no multiple of 8");
  if (precision == Precision::kBfloat16) {
    bfloat16.Reserve(shape.length, shape.head_size);
    return;
  }
  const int64_t columns = OCCAM_SIMD_DISPATCH(WholeVectors)(shape.head_size);
  const auto grow = [](Tensor* x, int64_t elements) {
    if (x->size() < elements) *x = Tensor(1, elements);
  };
  for (Tensor* x : {&q_panel, &dout_panel, &out_panel}) grow(x, shape.head_size * kMaxPanel);
  for (Tensor* x : {&q_rows, &dout_rows}) grow(x, columns * kMaxPanel);
  for (Tensor* x : {&scores, &dscores}) grow(x, kKeys * kMaxPanel);
  for (Tensor* x : {&dk, &dv}) grow(x, columns * shape.length);
}

void AttentionForward(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                      ConstTensorView v, TensorView out, std::span<float> inverse_sum,
                      AttentionScratch* scratch) {
  const int group = shape.heads / shape.kv_heads;
  scratch->Reserve(shape);
  if (scratch->precision == Precision::kBfloat16) {
    return Bfloat16Forward(shape, q, k, v, out, inverse_sum, &scratch->bfloat16);
  }
  for (int b = 0; b < shape.sequences; ++b) {
    for (int h = 0; h < shape.heads; ++h) {
      OCCAM_SIMD_DISPATCH(ForwardHead)
      (shape, HeadOf(shape, q, b, h), HeadOf(shape, k, b, h / group),
       HeadOf(shape, v, b, h / group), HeadOf(shape, out, b, h), SumsOf(shape, inverse_sum, b, h),
       scratch);
    }
  }
}

void AttentionBackward(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                       ConstTensorView v, ConstTensorView out, std::span<const float> inverse_sum,
                       ConstTensorView dout, TensorView dq, TensorView dk, TensorView dv,
                       AttentionScratch* scratch) {
  const int group = shape.heads / shape.kv_heads;
  scratch->Reserve(shape);
  if (scratch->precision == Precision::kBfloat16) {
    return Bfloat16Backward(shape, q, k, v, out, inverse_sum, dout, dq, dk, dv, &scratch->bfloat16);
  }
  const int64_t columns = OCCAM_SIMD_DISPATCH(WholeVectors)(shape.head_size);
  const TensorView dk_head = {scratch->dk.data(), shape.length, columns, columns};
  const TensorView dv_head = {scratch->dv.data(), shape.length, columns, columns};
  for (int b = 0; b < shape.sequences; ++b) {
    for (int h = 0; h < shape.heads; ++h) {
      const auto of = [&](auto x, int head) { return HeadOf(shape, x, b, head); };
      if (h % group == 0) {  // the first that reads this key/value head
        Clear(dk_head);
        Clear(dv_head);
      }
      OCCAM_SIMD_DISPATCH(BackwardHead)
      (shape, of(q, h), of(k, h / group), of(v, h / group), of(out, h),
       SumsOf(shape, inverse_sum, b, h), of(dout, h), of(dq, h), dk_head, dv_head, scratch);
      if (h % group == group - 1) {
        Copy(dk_head.Columns(0, shape.head_size), of(dk, h / group));
        Copy(dv_head.Columns(0, shape.head_size), of(dv, h / group));
      }
    }
  }
}

}  // namespace occam
#endif  // HWY_ONCE
