// A network of Llama's shape for a tile of rows: docs/spec/import.md in code.
#ifndef OCCAM_MODEL_EXACT_LLAMA_PASS_H_
#define OCCAM_MODEL_EXACT_LLAMA_PASS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "data/base/aligned_array.h"
#include "model/exact/fine_attention.h"
#include "model/exact/kernels.h"
#include "model/exact/llama_kernels.h"
#include "model/exact/pass.h"
#include "model/exact/prepared_llama.h"

namespace occam {

// The network must outlive it.
class LlamaPass final : public Pass {
 public:
  LlamaPass(const PreparedLlama& network, int lanes);

  // No window reaches before position 0, so nothing is to be cleared.
  void Clear(int /*lane*/) override {}
  void Resume(int lane, const KnownPast& past) override;
  void Run(std::span<const TileRow> rows) override;
  float* logits(int r) override { return logits_.row(r); }

 private:
  struct LayerCache {
    size_t codes;   // offset of lane 0 in codes_
    size_t scales;  // and in key_scales_
  };

  // The codes of rows that a product reads. Those of two planes are 128 high + low; a fine network
  // has no others.
  struct Planes {
    Planes(int n, bool are_two)
        : high(kTileRows, RoundUp(n, kCodePad)),
          low(are_two ? kTileRows : 0, RoundUp(n, kCodePad)),
          two(are_two) {}
    RowBuffer<int8_t> high, low;
    bool two;
  };

  void Embed();
  void AddPositions();
  int64_t FirstSeen(const PreparedLlamaLayer& layer, int64_t position) const;
  void SetAngles();
  void AddRow(int tensor, size_t row, float* x) const;
  // x -> planes and scales.
  void Norm(const float* gain);
  void Quantise(const RowBuffer<float>& x, int n, const Planes& planes);
  void ScaleHigh();
  // y (+)= the products of the matrix with planes that have the scales.
  void Multiply(const PreparedMatrix& matrix, const Planes& x, bool add, const RowBuffer<float>& y);
  void Attention(int l);
  void PrepareHead(int r, const float* gain, float* head) const;
  void Store(int l, int r);
  void AttendTo(int l, int group);
  void AttendFinely(int l, int group);
  void Mlp(int l);
  void FinishLogits();
  LlamaCache Cache(int lane, int l, int group) const;

  int row_count() const { return static_cast<int>(rows_.size()); }
  const TileRow& at(int r) const { return rows_[static_cast<size_t>(r)]; }

  const PreparedLlama& net_;
  const ModelConfig& c_;
  const LlamaShape& shape_;
  const KernelSet& kernels_;
  const LlamaKernels& steps_;
  std::vector<TileRow> rows_;
  std::vector<LayerCache> caches_;
  int largest_capacity_ = 0;
  // Caches of a network that is not fine.
  AlignedArray<int8_t> cached_codes_;  // [layers][lanes][kv_heads][keys, values]
  AlignedArray<float> key_scales_;     // [layers][lanes][kv_heads][capacity]
  std::optional<FineAttention> fine_;  // of one that is
  // [kTileRows] rows each.
  RowBuffer<float> x_{kTileRows, RoundUp(c_.width, kFloatPad)};  // the residual
  RowBuffer<float> normed_{kTileRows, RoundUp(c_.width, kFloatPad)};
  RowBuffer<float> qkv_{kTileRows, RoundUp(c_.query_width() + 2 * c_.kv_width(), kFloatPad)};
  RowBuffer<float> attended_{kTileRows, RoundUp(c_.query_width(), kFloatPad)};
  RowBuffer<float> inner_{
      // gates, if there are any, and values
      kTileRows, RoundUp((shape_.has_gate() ? 2 : 1) * c_.mlp_width(), kFloatPad)};
  RowBuffer<float> logits_{kTileRows, RoundUp(c_.vocabulary, kFloatPad)};
  Planes normed_codes_{c_.width, shape_.fine};
  Planes attended_codes_{c_.query_width(), shape_.fine};
  Planes inner_codes_{c_.mlp_width(), true};
  RowBuffer<float> high_scales_{kTileRows, 1};
  RowBuffer<float> low_scales_{kTileRows, 1};  // where there are two planes
  RowBuffer<float> cosine_{kTileRows, c_.head_size() / 2};
  RowBuffer<float> sine_{kTileRows, c_.head_size() / 2};
  // [kLlamaQueries][head size], or a key.
  AlignedArray<int8_t> query_{static_cast<size_t>(kLlamaQueries * c_.head_size())};
  AlignedArray<int8_t> value_{static_cast<size_t>(c_.head_size())};
  AlignedArray<float> scores_;     // [kLlamaQueries][largest capacity]
  AlignedArray<int32_t> weights_;  // the same
  AlignedArray<std::byte> scratch_{net_.scratch_bytes()};
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_LLAMA_PASS_H_
