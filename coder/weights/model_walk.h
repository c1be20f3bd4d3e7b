// The order and the predictions in which a model's numbers are coded; encoder and decoder walk the
// same way (model_codec.h).
#ifndef OCCAM_CODER_WEIGHTS_MODEL_WALK_H_
#define OCCAM_CODER_WEIGHTS_MODEL_WALK_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "coder/entropy/bit_model.h"
#include "coder/entropy/mixed_four.h"
#include "data/base/error.h"
#include "model/parameters.h"
#include "model/quantized_model.h"

namespace occam {

// `Coder` has bool Bit(bool bit, int32_t probability): codes a bit, whose probability of being 1 is
// given out of 65536, and returns it; a decoder ignores the argument.
template <typename Coder>
class ModelWalk {
 public:
  // keep_on() is called every some thousand weights; it may be null.
  explicit ModelWalk(Coder* coder, std::function<void()> keep_on = nullptr)
      : coder_(*coder), keep_on_(std::move(keep_on)) {}

  // A tensor's floats, then its codes, are read, or filled if the coder decodes; they have their
  // final sizes. Tensors without codes have none.
  void TensorFloats(const ParameterSpec& spec, QuantizedTensor* tensor) {
    const int kind = spec.coding == Coding::kRowCodes ? KindOf(spec.name) : kGain;
    for (float& x : tensor->floats) Float(kind, &x);
  }
  void TensorCodes(const ParameterSpec& spec, QuantizedTensor* tensor) {
    if (tensor->codes.empty()) return;
    Codes(static_cast<size_t>(KindOf(spec.name)), spec, tensor->codes.data());
  }
  void CacheScales(std::vector<float>* scales) {
    for (float& x : *scales) Float(kCacheScale, &x);
  }
  void MemoryStep(float* step) { Float(kMemory, step); }
  // Rows of table `i` of a memory, [rows, columns]. A row that holds nothing, as rows that are
  // never used do, costs one decision, which is cheap where it is usual.
  void Table(size_t i, int64_t rows, int64_t columns, int8_t* codes) {
    const uint32_t width = Width(codes, rows * columns, /*most=*/6);
    if (width == 0) {
      std::fill_n(codes, rows * columns, int8_t{0});
      return;
    }
    std::array<uint32_t, 4> used;  // by whether each of the two rows before held anything
    used.fill(WideCell::kFresh);
    size_t before = 0;
    for (; rows > 0; --rows, codes += columns) {
      Count(static_cast<size_t>(columns));
      bool some = std::any_of(codes, codes + columns, [](int8_t code) { return code != 0; });
      some = Bit(some, &used[before]);
      before = (before << 1 | (some ? 1 : 0)) & 3;
      if (some) {
        TableRow(kMemory + i, width, columns, codes);
      } else {
        std::fill_n(codes, columns, int8_t{0});
      }
    }
  }

 private:
  // Kinds of numbers that are distributed alike; kMemory is the step, and the first table's codes.
  enum Kind { kEmbedding, kConvolution, kQk, kV, kO, kU, kD, kHead, kGain, kCacheScale, kMemory };
  static constexpr size_t kFloatKinds = kMemory + 1;
  static constexpr size_t kCodeKinds = kMemory + kMaxRules;
  static constexpr size_t kKeepOnEvery = 1 << 14;
  static constexpr size_t kLevels = 20;
  static constexpr uint32_t kLimit = kCountLimit;

  // Trees of the bits of magnitudes, 2^width cells each, side by side.
  class Trees {
   public:
    Trees(size_t count, uint32_t width) : width_(width), cells_(count << width, WideCell::kFresh) {}
    uint32_t* At(size_t i) { return cells_.data() + (i << width_); }

   private:
    uint32_t width_;
    std::vector<uint32_t> cells_;
  };

  // Statistics of the codes of tensors whose magnitudes have `width` bits.
  struct Magnitudes {
    explicit Magnitudes(uint32_t width)
        : by_kind(kCodeKinds, width),
          by_row(kLevels, width),
          by_column(kLevels, width),
          by_both(kLevels * kLevels, width),
          weights(size_t{1} << width, MixedFour::Weights{16384, 16384, 16384, 16384}) {}
    Trees by_kind, by_row, by_column, by_both;
    std::vector<MixedFour::Weights> weights;
  };
  // The bits of a float: sign, exponent, the 15 upper bits of the mantissa.
  struct Floats {
    Floats() { exponent.fill(WideCell::kFresh), mantissa.fill(WideCell::kFresh); }
    uint32_t sign = WideCell::kFresh;
    std::array<uint32_t, 256> exponent;
    std::array<uint32_t, 15 * 2> mantissa;  // [bit][whether a bit above it is set]
  };

  static Kind KindOf(const std::string& name) {
    const std::string role = name.substr(name.rfind('.') + 1);
    // A rest looks like noise. Where there is one, there are no convolutions.
    if (role.ends_with("_rest")) return kConvolution;
    if (role == "embedding" || role == "positions" || role.starts_with("signal_"))
      return kEmbedding;
    if (role == "head") return kHead;
    if (role == "wv") return kV;
    if (role == "wo") return kO;
    if (role == "wu" || role == "wg") return kU;
    if (role == "wd") return kD;
    return role.starts_with("conv") ? kConvolution : kQk;
  }

  // Half octaves of a mean that is given in sixteenths.
  static size_t Level(uint32_t mean) {
    if (mean < 2) return mean;
    const int octave = std::bit_width(mean) - 1;
    const uint32_t half = mean >> (octave - 1) & 1;
    return std::min<size_t>(kLevels - 1, static_cast<size_t>(octave) * 2 + half);
  }

  bool Bit(bool bit, uint32_t* cell) {
    bit = coder_.Bit(bit, static_cast<int32_t>(*cell >> 16));
    WideCell::Learn(cell, bit, kLimit);
    return bit;
  }

  void Float(int kind, float* x) {
    Floats& f = floats_[static_cast<size_t>(kind)];
    const uint32_t bits = std::bit_cast<uint32_t>(*x);
    uint32_t decoded = Bit(bits >> 31 != 0, &f.sign) ? 1 : 0;
    uint32_t node = 1;
    for (int i = 30; i >= 23; --i)
      node = node * 2 + (Bit((bits >> i & 1) != 0, &f.exponent[node]) ? 1 : 0);
    decoded = decoded << 8 | (node & 0xff);
    bool any = false;
    for (int i = 0; i < 15; ++i) {
      // The last bits of scales are often zeros, all of them.
      const bool bit =
          Bit((bits >> (22 - i) & 1) != 0, &f.mantissa[static_cast<size_t>(i * 2 + (any ? 1 : 0))]);
      any |= bit;
      decoded = decoded << 1 | (bit ? 1 : 0);
    }
    *x = std::bit_cast<float>(decoded << 8);
  }

  // Codes how many bits the largest magnitude has.
  uint32_t Width(const int8_t* codes, int64_t size, uint32_t most_width) {
    uint32_t most = 0;
    for (int64_t i = 0; i < size; ++i) most = std::max(most, Magnitude(codes[i]));
    const auto width = static_cast<uint32_t>(std::bit_width(most));
    uint32_t node = 1;
    for (int i = 2; i >= 0; --i)
      node = node * 2 + (Bit((width >> i & 1) != 0, &width_[node]) ? 1 : 0);
    if ((node & 7) > most_width) throw DamagedError("the coded model is damaged");
    return node & 7;
  }

  void TableRow(size_t kind, uint32_t width, int64_t columns, int8_t* codes) {
    uint32_t sum = 0;
    for (uint32_t k = 0; k < static_cast<uint32_t>(columns); ++k) {
      const size_t row_level = Level((sum * 16 + (8u << width)) / (k + 2));
      sum += Code(kind, width, row_level, k % kLevels, &magnitudes_[width - 1], codes + k);
    }
  }

  void Codes(size_t kind, const ParameterSpec& spec, int8_t* codes) {
    const int64_t size = spec.size();
    const auto most = static_cast<uint32_t>(std::bit_width(static_cast<uint32_t>(spec.most_code)));
    const uint32_t width = Width(codes, size, most);
    if (width == 0) {
      std::fill(codes, codes + size, int8_t{0});
      return;
    }
    Magnitudes& m = magnitudes_[width - 1];
    const auto columns = static_cast<size_t>(spec.columns);
    column_means_.assign(columns, 1u << (width + 1));
    uint32_t before = 16u << width >> 2;  // the mean of the row before, in sixteenths
    for (int64_t row = 0; row < spec.rows; ++row) {
      uint32_t sum = 0;
      for (size_t k = 0; k < columns; ++k) {
        int8_t* const code = codes + row * spec.columns + static_cast<int64_t>(k);
        const auto seen = static_cast<uint32_t>(k);
        const size_t row_level = Level((sum * 16 + before * 4) / (seen + 4));
        const size_t column_level = Level(column_means_[k]);
        const uint32_t magnitude = Code(kind, width, row_level, column_level, &m, code);
        sum += magnitude;
        column_means_[k] = (column_means_[k] * 7 + magnitude * 16 + 4) / 8;
      }
      before = static_cast<uint32_t>(uint64_t{sum} * 16 / columns);
      Count(columns);
    }
  }

  void Count(size_t weights) {
    since_kept_on_ += weights;
    if (since_kept_on_ < kKeepOnEvery) return;
    since_kept_on_ = 0;
    if (keep_on_) keep_on_();
  }

  static uint32_t Magnitude(int8_t code) { return static_cast<uint32_t>(code < 0 ? -code : code); }

  uint32_t Code(size_t kind, uint32_t width, size_t row_level, size_t column_level, Magnitudes* m,
                int8_t* code) {
    const uint32_t known = Magnitude(*code);
    uint32_t* const by_kind = m->by_kind.At(kind);
    uint32_t* const by_row = m->by_row.At(row_level);
    uint32_t* const by_column = m->by_column.At(column_level);
    uint32_t* const by_both = m->by_both.At(row_level * kLevels + column_level);
    uint32_t node = 1;
    for (uint32_t i = width; i-- > 0;) {
      MixedFour mixed({&by_kind[node], &by_row[node], &by_column[node], &by_both[node]},
                      &m->weights[node]);
      // Each side has code of its own: the next decision begins before this one is known for sure.
      if (coder_.Bit((known >> i & 1) != 0, mixed.probability())) {
        mixed.Update(true, kLimit);
        node = node * 2 + 1;
      } else {
        mixed.Update(false, kLimit);
        node = node * 2;
      }
    }
    const uint32_t magnitude = node - (1u << width);
    const bool negative = magnitude != 0 && coder_.Bit(*code < 0, 1 << 15);
    *code =
        static_cast<int8_t>(negative ? -static_cast<int>(magnitude) : static_cast<int>(magnitude));
    return magnitude;
  }

  Coder& coder_;
  std::function<void()> keep_on_;
  size_t since_kept_on_ = 0;  // weights
  std::array<Magnitudes, 7> magnitudes_ = {Magnitudes(1), Magnitudes(2), Magnitudes(3),
                                           Magnitudes(4), Magnitudes(5), Magnitudes(6),
                                           Magnitudes(7)};
  std::array<Floats, kFloatKinds> floats_;
  std::array<uint32_t, 8> width_ = {WideCell::kFresh, WideCell::kFresh, WideCell::kFresh,
                                    WideCell::kFresh, WideCell::kFresh, WideCell::kFresh,
                                    WideCell::kFresh, WideCell::kFresh};
  std::vector<uint32_t> column_means_;  // of magnitudes, in sixteenths
};

}  // namespace occam

#endif  // OCCAM_CODER_WEIGHTS_MODEL_WALK_H_
