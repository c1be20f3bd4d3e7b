// The exact network: docs/spec/contract.md in code. It gives the same frequencies on every
// processor, thread count, batch shape and compiler. It scores blocks of known symbols, or steps
// lanes one symbol at a time.
#ifndef OCCAM_MODEL_EXACT_NETWORK_H_
#define OCCAM_MODEL_EXACT_NETWORK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "data/base/frequency.h"
#include "model/quantized_model.h"
#include "model/row_rules.h"

namespace occam {

enum class Kernels {
  kPlain,  // scalar loops, the definition
  kFast,   // the best that UsableIsa() allows; the plain ones where the build has no others
};

class ExactSession;

// Weights prepared for a set of kernels. Any number of threads and sessions share them.
class ExactNetwork {
 public:
  ExactNetwork(QuantizedModel model, Kernels kernels);
  ~ExactNetwork();
  ExactNetwork(const ExactNetwork&) = delete;
  ExactNetwork& operator=(const ExactNetwork&) = delete;

  const ModelConfig& config() const;
  const QuantizedModel& model() const;
  const Sha256Digest& id() const;
  // The kernels in use, for reports: "plain", "AVX512_CORE_VNNI", ...
  std::string kernels_name() const;

 private:
  friend class ExactSession;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Lanes with cached keys and values. One thread at a time; the network must outlive it.
class ExactSession {
 public:
  // Memory for `lanes` lanes, all in fresh contexts. Throws kIo where there is not enough.
  ExactSession(const ExactNetwork& network, int lanes);
  ~ExactSession();
  ExactSession(const ExactSession&) = delete;
  ExactSession& operator=(const ExactSession&) = delete;

  // Starts a fresh context of a kind in a lane: its next input is the begin symbol at position 0.
  // Where kinds are not told, there is kind 0 alone.
  void Reset(int lane, int kind = 0);

  // Goes on at a position > 0 of a context whose symbols so far are not scored: `last` is the
  // newest of them, `past` knows those before it. What is scored is right from config().reach()
  // symbols on, where there is a reach; without one this is kInternal.
  void Resume(int lane, int64_t position, int32_t last, const KnownPast& past);

  // The intervals of known symbols; the lane's context then ends with them, and may go on by
  // scoring or by stepping. Not in a context that was stepped. A context may run on past
  // config().context symbols: full layers then look back over that many positions.
  void Score(int lane, std::span<const int32_t> symbols, std::span<SymbolInterval> intervals);

  // The same, telling all frequencies before each symbol, as Step does: take(i, frequencies [V])
  // for symbols[i], in order.
  using TakeFrequenciesFn = std::function<void(size_t i, std::span<const uint32_t> frequencies)>;
  void Score(int lane, std::span<const int32_t> symbols, const TakeFrequenciesFn& take);

  // One step of the lanes 0 .. previous.size() - 1, each at its own position: previous[i] is the
  // symbol that lane i coded last (ignored in a fresh lane). Writes frequencies [lanes][V], each at
  // least 1, a lane's sum kFrequencyTotal.
  void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_NETWORK_H_
