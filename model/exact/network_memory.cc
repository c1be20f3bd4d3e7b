#include "model/exact/network_memory.h"

#include <algorithm>

#include "model/exact/kernels.h"
#include "model/exact/llama_kernels.h"
#include "model/row_rules.h"
#include "model/signal_rules.h"

namespace occam {
namespace {

constexpr uint64_t kAllocation = 128;  // alignment, and what malloc keeps beside a block

uint64_t Wide(int n) { return static_cast<uint64_t>(n); }
uint64_t Padded(int n, int multiple) { return Wide(RoundUp(n, multiple)); }

int Rules(const ModelConfig& c) { return static_cast<int>(c.memory_rules.size()); }

// A packed matrix: codes, and a start and a scale an output.
uint64_t LinearBytes(int outputs, int inputs) {
  const uint64_t padded = Padded(outputs, kFloatPad);
  return padded * Padded(inputs, kCodePad) + padded * (sizeof(int32_t) + sizeof(float)) +
         4 * kAllocation;
}

int Capacity(const ModelConfig& c, int layer) {
  return RoundUp(c.window(layer) + kTileRows - 1, kCacheBlock);
}

// Outputs of the first product of the MLP.
int InnerWidth(const ModelConfig& c) { return (c.llama->has_gate() ? 2 : 1) * c.mlp_width(); }

// The same four numbers for an imported network. In a fine one each matrix has a rest, which is as
// large, and the rows of products two planes.
uint64_t LlamaPreparedBytes(const ModelConfig& c) {
  const int qkv = c.query_width() + 2 * c.kv_width();
  const uint64_t parts = c.llama->fine ? 2 : 1;
  const uint64_t matrices = LinearBytes(qkv, c.width) + LinearBytes(c.width, c.query_width()) +
                            LinearBytes(InnerWidth(c), c.width) +
                            LinearBytes(c.width, c.mlp_width());
  const uint64_t layer = parts * matrices + 2 * Wide(c.kv_heads) * sizeof(float) + 16 * kAllocation;
  const uint64_t largest_matrix =
      Wide(c.width) * std::max({Wide(qkv), Wide(InnerWidth(c)), Wide(c.vocabulary)});
  return Wide(c.layers) * layer + parts * LinearBytes(c.vocabulary, c.width) + 2 * largest_matrix +
         (uint64_t{1} << 16);
}

uint64_t LlamaPassBytes(const ModelConfig& c) {
  int largest = 0;
  for (int l = 0; l < c.layers; ++l) largest = std::max(largest, Capacity(c, l));
  const uint64_t floats = 2 * Padded(c.width, kFloatPad) +
                          Padded(c.query_width() + 2 * c.kv_width(), kFloatPad) +
                          Padded(c.query_width(), kFloatPad) + Padded(InnerWidth(c), kFloatPad) +
                          Padded(c.vocabulary, kFloatPad) + Wide(c.head_size() + 2);
  const uint64_t planes = c.llama->fine ? 2 : 1;
  // The last number is of a product's scratch.
  const uint64_t codes = planes * (Padded(c.width, kCodePad) + Padded(c.query_width(), kCodePad)) +
                         2 * Padded(c.mlp_width(), kCodePad) +
                         Padded(std::max({c.width, c.query_width(), c.mlp_width()}), kCodePad);
  constexpr uint64_t kTileScratch = 1 << 16;
  return Wide(kTileRows) * (floats * sizeof(float) + codes + 64) +
         Padded(c.vocabulary, kFloatPad) * sizeof(uint32_t) +
         (c.llama->fine ? 1 : Wide(kLlamaQueries)) * Wide(largest) *
             (sizeof(float) + sizeof(int32_t)) +
         (c.llama->fine ? 2 * sizeof(int16_t) + sizeof(int64_t) : 0) * Wide(c.head_size()) +
         (Wide(kLlamaQueries) + 1) * Wide(c.head_size()) + Wide(c.layers) * 32 + kTileScratch +
         32 * kAllocation;
}

uint64_t LlamaLaneBytes(const ModelConfig& c) {
  const uint64_t code = c.llama->fine ? sizeof(int16_t) : sizeof(int8_t);
  const uint64_t position = 2 * Wide(c.kv_width()) * code + Wide(c.kv_heads) * sizeof(float);
  uint64_t cache = 0;
  for (int l = 0; l < c.layers; ++l) cache += Wide(Capacity(c, l)) * position;
  return cache + kAllocation;
}

uint64_t LlamaSymbolMultiplications(const ModelConfig& c) {
  const uint64_t width = Wide(c.width);
  const uint64_t products = c.llama->fine ? 4 : 1;
  const uint64_t last = c.llama->fine ? 4 : 2;  // its input has two planes
  const uint64_t layer =
      width *
      (products * (2 * Wide(c.query_width()) + 2 * Wide(c.kv_width()) + Wide(InnerWidth(c))) +
       last * Wide(c.mlp_width()));
  uint64_t attended = 0;  // keys, and values
  for (int l = 0; l < c.layers; ++l) attended += 2 * Wide(c.query_width()) * Wide(c.window(l));
  return Wide(c.layers) * layer + attended + products * width * Wide(c.embedding_rows());
}

}  // namespace

uint64_t PreparedBytes(const ModelConfig& c) {
  if (c.llama) return LlamaPreparedBytes(c);
  const uint64_t width = Wide(c.width);
  const uint64_t symbols = Wide(c.vocabulary) + 1;
  const uint64_t layer = LinearBytes(c.width + 2 * c.kv_width(), c.width) +
                         LinearBytes(c.width, c.width) + LinearBytes(c.mlp_width(), c.width) +
                         LinearBytes(c.width, c.mlp_width()) +
                         2 * Wide(c.conv_width) * width * sizeof(float) +
                         4 * Wide(c.kv_heads) * sizeof(float) + 16 * kAllocation;
  uint64_t memory = Wide(Rules(c)) * 32;  // and its layers
  if (c.has_memory()) memory += LinearBytes(c.width, c.memory_columns());
  if (c.has_gate())
    memory += LinearBytes(Rules(c), c.width) + LinearBytes(c.width, c.memory_columns());
  uint64_t signal_rows = 0;
  for (const SignalRule rule : c.signal_rules) signal_rows += Wide(c.signal_rows(rule));
  const uint64_t signals =
      signal_rows * Padded(c.width, kFloatPad) * sizeof(float) + Wide(kSignalRules) * kAllocation;
  const uint64_t embedding = symbols * Padded(c.width, kFloatPad) * sizeof(float);
  // While it is made: floats of the embedding, or codes of a matrix, once more.
  const uint64_t largest_matrix =
      width * std::max({width + 2 * Wide(c.kv_width()), Wide(c.mlp_width()), Wide(c.vocabulary)});
  const uint64_t transient =
      std::max(std::max(symbols, signal_rows) * width * sizeof(float), 2 * largest_matrix);
  return embedding + signals + LatticeBytes(c.lattice_qualities.size()) + memory +
         Wide(c.layers) * layer + LinearBytes(c.vocabulary, c.width) + transient +
         (uint64_t{1} << 16);
}

uint64_t PassBytes(const ModelConfig& c) {
  if (c.llama) return LlamaPassBytes(c);
  int largest = 0;
  for (int l = 0; l < c.layers; ++l) largest = std::max(largest, Capacity(c, l));
  // Of each row: floats of TilePass, codes of it and of a product's scratch, and frequencies.
  const uint64_t floats = 4 * Padded(c.width, kFloatPad) +
                          Padded(c.width + 2 * c.kv_width(), kFloatPad) +
                          Padded(c.mlp_width(), kFloatPad) + Padded(c.vocabulary, kFloatPad) +
                          Wide(c.head_size() + 2 * c.heads + 1);
  const uint64_t codes = 3 * Padded(c.width, kCodePad) + 2 * Padded(c.mlp_width(), kCodePad);
  const uint64_t of_memory =
      !c.has_memory() ? 0
                      : (Padded(c.memory_columns(), kFloatPad) + Padded(c.width, kFloatPad) +
                         Padded(Rules(c), kFloatPad) + Wide(Rules(c)) + 1) *
                                sizeof(float) +
                            Padded(c.memory_columns(), kCodePad) + Padded(c.width, kCodePad);
  const uint64_t row =
      floats * sizeof(float) + codes + of_memory + (Wide(c.conv_width) + 8) * sizeof(float*);
  const uint64_t of_signals =
      c.has_signals() ? (c.signal_rules.size() + 1) * sizeof(float*) + sizeof(int32_t) : 0;
  const uint64_t group =
      Wide(kQueryGroup) * (Wide(largest) + 2 * kCacheBlock) * (sizeof(int32_t) + sizeof(uint8_t));
  constexpr uint64_t kTileScratch = 1 << 16;
  return Wide(kTileRows) * (row + of_signals) + Padded(c.vocabulary, kFloatPad) * sizeof(uint32_t) +
         group + Wide(c.layers) * 32 + kTileScratch + 32 * kAllocation;
}

uint64_t LaneBytes(const ModelConfig& c) {
  if (c.llama) return LlamaLaneBytes(c);
  uint64_t cache = 0;
  for (int l = 0; l < c.layers; ++l) cache += 2 * Wide(c.kv_width()) * Wide(Capacity(c, l));
  const uint64_t still = Wide(c.layers) * Wide(c.kv_width()) * sizeof(float);
  const uint64_t history =
      2 * Wide(c.layers) * Wide(std::max(c.conv_width - 1, 0)) * Wide(c.width) * sizeof(float);
  const uint64_t signals =
      c.has_signals() ? sizeof(SignalPast) + Wide(c.record_width) + kAllocation : 0;
  const uint64_t lattice = c.has_lattice() ? LatticePast::Bytes(c.record_width) : 0;
  return cache + still + history + sizeof(KnownPast) + signals + lattice + kAllocation;
}

uint64_t SymbolMultiplications(const ModelConfig& c) {
  if (c.llama) return LlamaSymbolMultiplications(c);
  const uint64_t width = Wide(c.width);
  const uint64_t layer = width * (2 * width + 2 * Wide(c.kv_width()) + 2 * Wide(c.mlp_width()) +
                                  2 * Wide(c.conv_width));
  uint64_t attended = 0;  // keys, and values
  for (int l = 0; l < c.layers; ++l) attended += 2 * width * Wide(c.window(l));
  const uint64_t columns = Wide(c.has_memory() ? c.memory_columns() : 0);
  const uint64_t gate = c.has_gate() ? width * (columns + Wide(Rules(c))) : 0;
  return Wide(c.layers) * layer + width * columns + gate + attended + width * Wide(c.vocabulary);
}

}  // namespace occam
