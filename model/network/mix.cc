#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/network/mix.cc"
#include "model/network/mix.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "data/base/simd_targets.h"
#include "model/network/bfloat16-inl.h"
#include "model/network/norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// kTaps = 4 is unrolled; -1 stands for any other number.
constexpr int kUsualTaps = 4;
constexpr int kAnyTaps = -1;

// The first position that taps see from `begin`.
int64_t FirstSeen(int64_t begin, int64_t taps) {
  return std::max<int64_t>(0, begin - std::max<int64_t>(0, taps - 1));
}

// The last rows of h: position t in slot t % kMaxTaps of `rows`; then a row of zeros.
class History {
 public:
  explicit History(TensorView rows) : rows_(rows) {
    std::fill_n(rows_.row(kMaxTaps), rows_.columns, 0.0f);
  }
  const float* zeros() const { return rows_.row(kMaxTaps); }
  float* At(int64_t t) const { return rows_.row(t % kMaxTaps); }
  // The rows that taps see at t, the oldest first.
  void Seen(int64_t t, int64_t taps, const float** seen) const {
    for (int64_t k = 0; k < taps; ++k) {
      const int64_t at = t - taps + 1 + k;
      seen[k] = at < 0 ? zeros() : At(at);
    }
  }

 private:
  TensorView rows_;
};

template <class D>
HWY_INLINE void GainRow(D d, const float* x, int64_t n, float inverse_rms, const float* gain,
                        float* h) {
  const auto inverse = hn::Set(d, inverse_rms);
  for (int64_t i = 0; i < n; i += LanesOf(d)) {
    hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, x + i), inverse), hn::LoadU(d, gain + i)), d, h + i);
  }
}

template <int kTaps, typename T, class D>
HWY_INLINE void Forward(D d, ConstTensorView x, const MixWeights& w, Positions positions,
                        float* inverse_rms, BasicTensorView<T> mixed, TensorView scratch) {
  const int64_t n = x.columns, taps = kTaps == kAnyTaps ? w.taps.rows : kTaps;
  const float* const gain = w.gain.data();
  const History h(scratch);
  for (int64_t t = FirstSeen(positions.begin, taps); t < positions.end; ++t) {
    const float inverse = InverseRms(d, x.row(t), n);
    GainRow(d, x.row(t), n, inverse, gain, h.At(t));
    if (t < positions.begin) continue;
    inverse_rms[t] = inverse;
    const float* seen[kMaxTaps];
    h.Seen(t, taps, seen);
    T* const to = mixed.row(t - positions.begin);
    for (int64_t i = 0; i < n; i += LanesOf(d)) {
      auto sum = hn::LoadU(d, h.At(t) + i);
      for (int64_t k = 0; k < taps; ++k) {
        sum = hn::MulAdd(hn::LoadU(d, w.taps.row(k) + i), hn::LoadU(d, seen[k] + i), sum);
      }
      StoreOperand(sum, d, to + i);
    }
  }
}

// dh_t = dmixed_t + sum_k w_k * dmixed_(t + taps - 1 - k), and the gradients of gain and taps.
// Returns sum(dh * gain * z), z = x / rms.
template <int kTaps, class D>
HWY_INLINE float BackwardThroughConvolution(D d, const float* x, const MixWeights& w,
                                            float inverse_rms, const float* const* h,
                                            const float* const* dmixed, TensorView dw, float* dh) {
  const int64_t n = dw.columns, taps = kTaps == kAnyTaps ? w.taps.rows : kTaps;
  const auto inverse = hn::Set(d, inverse_rms);
  auto sum = hn::Zero(d);
  for (int64_t i = 0; i < n; i += LanesOf(d)) {
    const auto dmixed_t = hn::LoadU(d, dmixed[0] + i);
    auto dh_t = dmixed_t;
    for (int64_t k = 0; k < taps; ++k) {
      dh_t =
          hn::MulAdd(hn::LoadU(d, w.taps.row(k) + i), hn::LoadU(d, dmixed[taps - 1 - k] + i), dh_t);
      float* const dwk = dw.row(1 + k) + i;
      hn::StoreU(hn::MulAdd(dmixed_t, hn::LoadU(d, h[k] + i), hn::LoadU(d, dwk)), d, dwk);
    }
    hn::StoreU(dh_t, d, dh + i);
    const auto product = hn::Mul(dh_t, hn::Mul(hn::LoadU(d, x + i), inverse));
    float* const dgain = dw.row(0) + i;
    hn::StoreU(hn::Add(hn::LoadU(d, dgain), product), d, dgain);
    sum = hn::MulAdd(product, hn::LoadU(d, w.gain.data() + i), sum);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// dx += (dh * gain - z * mean(dh * gain * z)) / rms.
template <class D>
HWY_INLINE void BackwardThroughNorm(D d, const float* x, int64_t n, const float* gain,
                                    float inverse_rms, float sum, const float* dh, float* dx) {
  const auto inverse = hn::Set(d, inverse_rms);
  const auto mean = hn::Set(d, sum / static_cast<float>(n));
  for (int64_t i = 0; i < n; i += LanesOf(d)) {
    const auto z = hn::Mul(hn::LoadU(d, x + i), inverse);
    const auto dz = hn::Mul(hn::LoadU(d, dh + i), hn::LoadU(d, gain + i));
    const auto change = hn::NegMulAdd(z, mean, dz);
    hn::StoreU(hn::MulAdd(change, inverse, hn::LoadU(d, dx + i)), d, dx + i);
  }
}

template <int kTaps, class D>
HWY_INLINE void Backward(D d, ConstTensorView x, const MixWeights& w, Positions positions,
                         const float* inverse_rms, ConstTensorView dmixed, TensorView dx,
                         TensorView dw, TensorView scratch) {
  const int64_t n = x.columns, taps = kTaps == kAnyTaps ? w.taps.rows : kTaps;
  const float* const gain = w.gain.data();
  const History h(scratch);
  float* const dh = scratch.row(kMaxTaps + 1);
  Clear(dw);
  for (int64_t t = FirstSeen(positions.begin, taps); t < positions.end; ++t) {
    GainRow(d, x.row(t), n, inverse_rms[t], gain, h.At(t));
    if (t < positions.begin) continue;
    const float* seen[kMaxTaps];
    h.Seen(t, taps, seen);
    const float* seeing[kMaxTaps] = {dmixed.row(t)};  // gradients of the positions that see t
    for (int64_t k = 1; k < taps; ++k) seeing[k] = t + k < x.rows ? dmixed.row(t + k) : h.zeros();
    const float sum =
        BackwardThroughConvolution<kTaps>(d, x.row(t), w, inverse_rms[t], seen, seeing, dw, dh);
    BackwardThroughNorm(d, x.row(t), n, gain, inverse_rms[t], sum, dh, dx.row(t));
  }
}

template <typename T>
HWY_INLINE void ForwardTo(ConstTensorView x, const MixWeights& w, Positions positions,
                          float* inverse_rms, BasicTensorView<T> mixed, TensorView scratch) {
  WithLanes(x.columns, [&](auto d) HWY_ATTR {
    if (w.taps.rows == kUsualTaps) {
      Forward<kUsualTaps>(d, x, w, positions, inverse_rms, mixed, scratch);
    } else {
      Forward<kAnyTaps>(d, x, w, positions, inverse_rms, mixed, scratch);
    }
  });
}

void MixRows(ConstTensorView x, const MixWeights& w, Positions positions, float* inverse_rms,
             OperandView mixed, TensorView scratch) {
  if (mixed.precision == Precision::kFloat32) {
    ForwardTo(x, w, positions, inverse_rms, mixed.float32, scratch);
  } else {
    ForwardTo(x, w, positions, inverse_rms, mixed.bfloat16, scratch);
  }
}

void MixRowsBackward(ConstTensorView x, const MixWeights& w, Positions positions,
                     const float* inverse_rms, ConstTensorView dmixed, TensorView dx, TensorView dw,
                     TensorView scratch) {
  WithLanes(x.columns, [&](auto d) HWY_ATTR {
    if (w.taps.rows == kUsualTaps) {
      Backward<kUsualTaps>(d, x, w, positions, inverse_rms, dmixed, dx, dw, scratch);
    } else {
      Backward<kAnyTaps>(d, x, w, positions, inverse_rms, dmixed, dx, dw, scratch);
    }
  });
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(MixRows);
HWY_EXPORT(MixRowsBackward);

void MixForward(ConstTensorView x, const MixWeights& w, Positions positions,
                std::span<float> inverse_rms, OperandView mixed, MixScratch* scratch) {
  OCCAM_SIMD_DISPATCH(MixRows)(x, w, positions, inverse_rms.data(), mixed, scratch->rows);
}

void MixBackward(ConstTensorView x, const MixWeights& w, Positions positions,
                 std::span<const float> inverse_rms, ConstTensorView dmixed, TensorView dx,
                 TensorView dw, MixScratch* scratch) {
  OCCAM_SIMD_DISPATCH(MixRowsBackward)
  (x, w, positions, inverse_rms.data(), dmixed, dx, dw, scratch->rows);
}

}  // namespace occam
#endif  // HWY_ONCE
