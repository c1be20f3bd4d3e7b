// Rules that know of photographs: what a byte's neighbours say of it, and the prediction that its
// symbol is told against (docs/spec/signals.md). All arithmetic is in small integers.
#ifndef OCCAM_MODEL_SIGNAL_RULES_H_
#define OCCAM_MODEL_SIGNAL_RULES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/config.h"
#include "model/lattice_past.h"

namespace occam {

// All that is known of the byte to come: its place in the record, and the bytes around it; or
// nothing but the kind of its context, where that has no signals. The prediction is 0 then.
struct SignalPlace {
  int32_t kind = 0;
  bool has_signals = true;
  int32_t column = 0, row = 0;
  int32_t west = 128, north = 128, north_east = 128, north_west = 128;
  // The median edge prediction of LOCO-I (Weinberger, Seroussi, Sapiro, 2000, "The LOCO-I lossless
  // image compression algorithm", section 3.1), in [0, 255].
  int32_t edge = 128;
  int32_t prediction = 128;  // that of a lattice, where bytes lie on one; else the edge's
  int32_t certainty = 0;
};

// The tables of a configuration's lattices, which take milliseconds; null without any.
std::shared_ptr<const Lattices> MakeLattices(const ModelConfig& config);

// The past that rules know of a context: its last row of bytes, and what a lattice says. Copies
// share tables of lattices.
class SignalPast {
 public:
  explicit SignalPast(const ModelConfig& config) : SignalPast(config, MakeLattices(config)) {}
  // `lattices`: what MakeLattices makes of the configuration.
  SignalPast(const ModelConfig& config, std::shared_ptr<const Lattices> lattices);

  // A fresh context begins, of this kind.
  void Clear(int kind = 0);
  void Append(int32_t byte);  // in [0, 256)
  const SignalPlace& place() const { return place_; }

 private:
  void Look();

  std::optional<LatticePast> lattice_;
  std::vector<uint8_t> line_;  // [record_width]: the last byte of each column
  int32_t height_;
  uint32_t with_signals_ = 0;  // a bit for each kind
  uint8_t corner_ = 0;         // what was in the column before, until its last byte came
  SignalPlace place_;
};

// The rows that rules choose for the byte to come, by the rules' numbers less 1; kNoRow: none.
constexpr int32_t kNoRow = -1;
using SignalRows = std::array<int32_t, kSignalRules>;
SignalRows SignalRowsOf(const SignalPlace& place);
inline int32_t RowOf(SignalRule rule, const SignalRows& rows) {
  return rows[static_cast<size_t>(rule) - 1];
}

// symbol = byte - prediction, and back, modulo 256.
inline int32_t ResidualOf(int32_t byte, int32_t prediction) { return (byte - prediction) & 255; }

// Inputs of one context as they are looked up: symbols [T], of which the first may be the begin
// symbol; predictions [T] and rows [rules][stride] of the byte that follows each. Symbols may take
// the place of the inputs. As an input the begin symbol tells the context's kind
// (ModelConfig::begin_symbol). The first input is not the begin symbol where a sequence is cut out
// of a longer one; it counts as the context's first, of kind 0.
struct SignalInputs {
  std::span<int32_t> symbols, predictions;
  std::span<int32_t> rows;
  size_t stride = 0;  // of a rule's rows
};
// `past` is made afresh.
void ChooseSignals(const ModelConfig& config, std::span<const int32_t> inputs, SignalPast* past,
                   const SignalInputs& out);

}  // namespace occam

#endif  // OCCAM_MODEL_SIGNAL_RULES_H_
