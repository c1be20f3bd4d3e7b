#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/attention.cc"
#include "model/attention.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "model/exp2-inl.h"
#include "model/matmul.h"
#include "model/simd_targets.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Lanes = hn::ScalableTag<float>;

// 2^(factor * score) in place of the scores of one query, [columns], where it sees the key, that is
// in [begin, end), else 0. Writes whole vectors. Returns the sum.
float ExponentialRow(float* scores, int64_t columns, int64_t begin, int64_t end, float factor) {
  const Lanes d;
  const hn::RebindToSigned<Lanes> di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto f = hn::Set(d, factor);
  auto sum = hn::Zero(d);
  for (int64_t j = 0; j < columns; j += lanes) {
    auto p = Exp2(d, hn::Mul(hn::LoadU(d, scores + j), f));
    if (j < begin || j + lanes > end) {
      const auto column = hn::Iota(di, static_cast<int32_t>(j));
      const auto outside = hn::Or(hn::Lt(column, hn::Set(di, static_cast<int32_t>(begin))),
                                  hn::Gt(column, hn::Set(di, static_cast<int32_t>(end - 1))));
      p = hn::IfThenZeroElse(hn::RebindMask(d, outside), p);
    }
    hn::StoreU(p, d, scores + j);
    sum = hn::Add(sum, p);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// p *= inverse_sum: the probabilities; dp = p * (dp - delta) * beta: the gradient of the scores.
void ScoreGradient(float* p, float* dp, int64_t columns, float inverse_sum, float delta,
                   float beta) {
  const Lanes d;
  for (int64_t j = 0; j < columns; j += static_cast<int64_t>(hn::Lanes(d))) {
    const auto pj = hn::Mul(hn::LoadU(d, p + j), hn::Set(d, inverse_sum));
    const auto change = hn::Sub(hn::LoadU(d, dp + j), hn::Set(d, delta));
    hn::StoreU(pj, d, p + j);
    hn::StoreU(hn::Mul(hn::Mul(pj, hn::Set(d, beta)), change), d, dp + j);
  }
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(ExponentialRow);
HWY_EXPORT(ScoreGradient);

namespace {

// Two tiles of scores stay in the second level cache. Multiples of every vector's length.
constexpr int64_t kQueries = 64;
constexpr int64_t kKeys = 256;

float ScoreScale(const AttentionShape& shape) {
  return 3.0f / std::sqrt(static_cast<float>(shape.head_size));
}

// Positions [begin, end) of a sequence.
struct Block {
  int64_t begin, end;
};

ConstTensorView RowsOf(ConstTensorView x, Block block) {
  return x.Rows(block.begin, block.end - block.begin);
}
TensorView RowsOf(TensorView x, Block block) {
  return x.Rows(block.begin, block.end - block.begin);
}

// Keys that any query of a block sees.
Block KeysOf(const AttentionShape& shape, Block queries) {
  return {std::max<int64_t>(0, queries.begin - shape.window + 1), queries.end};
}

TensorView TileOf(Tensor* scratch, Block queries, Block keys) {
  return {scratch->data(), queries.end - queries.begin, keys.end - keys.begin, kKeys};
}

// p [queries, keys] = the exponentials of the scores where the window allows, else 0; `sums` +=
// each query's, unless it is empty.
void Exponentials(const AttentionShape& shape, ConstTensorView q, ConstTensorView k, Block queries,
                  Block keys, TensorView p, std::span<float> sums) {
  MatMul(RowsOf(q, queries), Operand::kAsIs, RowsOf(k, keys), Operand::kTransposed, p,
         Result::kReplace);
  constexpr float kLog2E = 1.44269504f;
  const float factor = ScoreScale(shape) * kLog2E;
  for (int64_t r = 0; r < p.rows; ++r) {
    const int64_t end = queries.begin + r + 1 - keys.begin;
    const float sum = OCCAM_SIMD_DISPATCH(ExponentialRow)(p.row(r), p.columns, end - shape.window,
                                                          std::min(end, p.columns), factor);
    if (!sums.empty()) sums[static_cast<size_t>(r)] += sum;
  }
}

// The rows of one sequence and the columns of one head, [T, size].
template <typename T>
BasicTensorView<T> HeadOf(const AttentionShape& shape, BasicTensorView<T> x, int sequence,
                          int head) {
  return x.Rows(int64_t{sequence} * shape.length, shape.length)
      .Columns(int64_t{head} * shape.head_size, shape.head_size);
}

template <typename T>
std::span<T> SumsOf(const AttentionShape& shape, std::span<T> sums, int sequence, int head) {
  const auto length = static_cast<size_t>(shape.length);
  return sums.subspan(static_cast<size_t>(sequence * shape.heads + head) * length, length);
}

// One head of one sequence: q, k, v, out [T, size], inverse_sum [T].
void ForwardHead(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                 ConstTensorView v, TensorView out, std::span<float> inverse_sum,
                 AttentionScratch* scratch) {
  std::fill(inverse_sum.begin(), inverse_sum.end(), 0.0f);
  for (int64_t begin = 0; begin < shape.length; begin += kQueries) {
    const Block queries{begin, std::min<int64_t>(begin + kQueries, shape.length)};
    const Block seen = KeysOf(shape, queries);
    const auto sums = inverse_sum.subspan(static_cast<size_t>(begin));
    for (int64_t key = seen.begin; key < seen.end; key += kKeys) {
      const Block keys{key, std::min(key + kKeys, seen.end)};
      const TensorView p = TileOf(&scratch->scores, queries, keys);
      Exponentials(shape, q, k, queries, keys, p, sums);
      MatMul(p, Operand::kAsIs, RowsOf(v, keys), Operand::kAsIs, RowsOf(out, queries),
             key == seen.begin ? Result::kReplace : Result::kAdd);
    }
  }
  for (int64_t t = 0; t < out.rows; ++t) {
    float& sum = inverse_sum[static_cast<size_t>(t)];
    sum = 1.0f / sum;
    for (int64_t i = 0; i < out.columns; ++i) out.row(t)[i] *= sum;
  }
}

float Dot(const float* a, const float* b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// One head of one sequence; dq =, dk and dv +=. With P the probabilities, o = P v:
// dv = P^T do, dP = do v^T, dS = P (dP - rowsum(do o)) beta, dq = dS k, dk = dS^T q.
void BackwardHead(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                  ConstTensorView v, ConstTensorView out, std::span<const float> inverse_sum,
                  ConstTensorView dout, TensorView dq, TensorView dk, TensorView dv,
                  AttentionScratch* scratch) {
  const float beta = ScoreScale(shape);
  for (int64_t begin = 0; begin < shape.length; begin += kQueries) {
    const Block queries{begin, std::min<int64_t>(begin + kQueries, shape.length)};
    const Block seen = KeysOf(shape, queries);
    const ConstTensorView dout_block = RowsOf(dout, queries);
    for (int64_t key = seen.begin; key < seen.end; key += kKeys) {
      const Block keys{key, std::min(key + kKeys, seen.end)};
      const TensorView p = TileOf(&scratch->scores, queries, keys);
      const TensorView ds = TileOf(&scratch->dscores, queries, keys);
      Exponentials(shape, q, k, queries, keys, p, {});
      MatMul(dout_block, Operand::kAsIs, RowsOf(v, keys), Operand::kTransposed, ds,
             Result::kReplace);
      for (int64_t r = 0; r < p.rows; ++r) {
        const int64_t t = begin + r;
        const float delta = Dot(dout.row(t), out.row(t), out.columns);
        OCCAM_SIMD_DISPATCH(ScoreGradient)
        (p.row(r), ds.row(r), p.columns, inverse_sum[static_cast<size_t>(t)], delta, beta);
      }
      MatMul(p, Operand::kTransposed, dout_block, Operand::kAsIs, RowsOf(dv, keys), Result::kAdd);
      MatMul(ds, Operand::kAsIs, RowsOf(k, keys), Operand::kAsIs, RowsOf(dq, queries),
             key == seen.begin ? Result::kReplace : Result::kAdd);
      MatMul(ds, Operand::kTransposed, RowsOf(q, queries), Operand::kAsIs, RowsOf(dk, keys),
             Result::kAdd);
    }
  }
}

}  // namespace

AttentionScratch::AttentionScratch() : scores(kQueries, kKeys), dscores(kQueries, kKeys) {}

void AttentionForward(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                      ConstTensorView v, TensorView out, std::span<float> inverse_sum,
                      AttentionScratch* scratch) {
  const int group = shape.heads / shape.kv_heads;
  for (int b = 0; b < shape.sequences; ++b) {
    for (int h = 0; h < shape.heads; ++h) {
      ForwardHead(shape, HeadOf(shape, q, b, h), HeadOf(shape, k, b, h / group),
                  HeadOf(shape, v, b, h / group), HeadOf(shape, out, b, h),
                  SumsOf(shape, inverse_sum, b, h), scratch);
    }
  }
}

void AttentionBackward(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                       ConstTensorView v, ConstTensorView out, std::span<const float> inverse_sum,
                       ConstTensorView dout, TensorView dq, TensorView dk, TensorView dv,
                       AttentionScratch* scratch) {
  const int group = shape.heads / shape.kv_heads;
  Clear(dk);
  Clear(dv);
  for (int b = 0; b < shape.sequences; ++b) {
    for (int h = 0; h < shape.heads; ++h) {
      const auto of = [&](auto x, int head) { return HeadOf(shape, x, b, head); };
      BackwardHead(shape, of(q, h), of(k, h / group), of(v, h / group), of(out, h),
                   SumsOf(shape, inverse_sum, b, h), of(dout, h), of(dq, h), of(dk, h / group),
                   of(dv, h / group), scratch);
    }
  }
}

}  // namespace occam
#endif  // HWY_ONCE
