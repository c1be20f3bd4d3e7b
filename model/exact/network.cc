#include "model/exact/network.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "data/base/aligned_array.h"
#include "data/base/error.h"
#include "data/base/float_mode.h"
#include "model/exact/kernels.h"
#include "model/exact/llama_kernels.h"
#include "model/exact/llama_pass.h"
#include "model/exact/pass.h"
#include "model/exact/prepared_llama.h"
#include "model/exact/prepared_network.h"
#include "model/exact/tile_pass.h"

namespace occam {
namespace {

std::unique_ptr<KernelSet> ChooseKernels(Kernels choice) {
  auto kernels = choice == Kernels::kFast ? MakeFastKernels() : nullptr;
  return kernels != nullptr ? std::move(kernels) : MakePlainKernels();
}

std::unique_ptr<LlamaKernels> ChooseLlamaKernels(Kernels choice) {
  auto kernels = choice == Kernels::kFast ? MakeFastLlamaKernels() : nullptr;
  return kernels != nullptr ? std::move(kernels) : MakePlainLlamaKernels();
}

}  // namespace

// One of the two, by the shape.
struct ExactNetwork::Impl {
  Impl(QuantizedModel model_in, Kernels choice) {
    if (model_in.config.llama) {
      llama = std::make_unique<PreparedLlama>(std::move(model_in), ChooseKernels(choice),
                                              ChooseLlamaKernels(choice));
    } else {
      family = std::make_unique<PreparedNetwork>(std::move(model_in), ChooseKernels(choice));
    }
  }
  const QuantizedModel& model() const { return llama ? llama->model : family->model; }
  const Sha256Digest& id() const { return llama ? llama->id : family->id; }
  const KernelSet& kernels() const { return llama ? *llama->kernels : *family->kernels; }
  std::unique_ptr<Pass> MakePass(int lanes) const {
    if (llama) return std::make_unique<LlamaPass>(*llama, lanes);
    return std::make_unique<TilePass>(*family, lanes);
  }

  std::unique_ptr<PreparedNetwork> family;
  std::unique_ptr<PreparedLlama> llama;
};

ExactNetwork::ExactNetwork(QuantizedModel model, Kernels kernels)
    : impl_(std::make_unique<Impl>(std::move(model), kernels)) {}
ExactNetwork::~ExactNetwork() = default;
const ModelConfig& ExactNetwork::config() const { return impl_->model().config; }
const QuantizedModel& ExactNetwork::model() const { return impl_->model(); }
const Sha256Digest& ExactNetwork::id() const { return impl_->id(); }
std::string ExactNetwork::kernels_name() const { return impl_->kernels().name(); }

struct ExactSession::Impl {
  struct Lane {
    int64_t position = 0;    // of the next input
    int32_t last = 0;        // the symbol before it
    bool last_known = true;  // not after a step: the symbol is told with the next one
    int kind = 0;            // of its context
  };

  Impl(const ExactNetwork::Impl& network, int lane_count)
      : c(network.model().config),
        kernels(network.kernels()),
        lanes(static_cast<size_t>(lane_count)),
        pass(network.MakePass(lane_count)) {}

  // take(i, logits) for symbols[i].
  template <typename Take>
  void Score(int lane, std::span<const int32_t> symbols, Take take);
  void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies);
  void CheckSymbol(int32_t symbol) const;

  const ModelConfig& c;
  const KernelSet& kernels;
  std::vector<Lane> lanes;
  std::unique_ptr<Pass> pass;
  std::vector<TileRow> rows;
  RowBuffer<uint32_t> frequency_row{1, RoundUp(c.vocabulary, kFloatPad)};
};

void ExactSession::Impl::CheckSymbol(int32_t symbol) const {
  if (symbol < 0 || symbol >= c.vocabulary) {
    throw InternalError("the network was given a symbol outside its vocabulary");
  }
}

template <typename Take>
void ExactSession::Impl::Score(int lane, std::span<const int32_t> symbols, Take take) {
  Lane& state = lanes[static_cast<size_t>(lane)];
  if (!state.last_known) {
    throw InternalError(
        "a context that was stepped was to be scored: its last symbol is not known");
  }
  for (const int32_t symbol : symbols) CheckSymbol(symbol);
  for (size_t start = 0; start < symbols.size(); start += kTileRows) {
    rows.clear();
    for (const int32_t symbol :
         symbols.subspan(start, std::min<size_t>(kTileRows, symbols.size() - start))) {
      rows.push_back(
          {lane, state.position, state.position == 0 ? c.begin_symbol(state.kind) : state.last});
      ++state.position;
      state.last = symbol;
    }
    pass->Run(rows);
    for (int r = 0; r < static_cast<int>(rows.size()); ++r)
      take(start + static_cast<size_t>(r), pass->logits(r));
  }
}

void ExactSession::Impl::Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) {
  for (size_t i = 0; i < previous.size(); ++i) {
    if (lanes[i].position > 0) CheckSymbol(previous[i]);
  }
  const auto size = static_cast<size_t>(c.vocabulary);
  for (size_t start = 0; start < previous.size(); start += kTileRows) {
    rows.clear();
    for (size_t i = start; i < std::min(previous.size(), start + kTileRows); ++i) {
      Lane& state = lanes[i];
      rows.push_back({static_cast<int>(i), state.position,
                      state.position == 0 ? c.begin_symbol(state.kind) : previous[i]});
      ++state.position;
      state.last_known = false;
    }
    pass->Run(rows);
    for (int r = 0; r < static_cast<int>(rows.size()); ++r) {
      // A row's padding is where the rows after it come; only the last ones have no room for it.
      const bool has_room = frequencies.size() >= static_cast<size_t>(frequency_row.stride());
      uint32_t* const row = has_room ? frequencies.data() : frequency_row.data();
      kernels.Frequencies(pass->logits(r), c.vocabulary, row);
      if (!has_room) std::copy_n(row, size, frequencies.data());
      frequencies = frequencies.subspan(size);
    }
  }
}

ExactSession::ExactSession(const ExactNetwork& network, int lanes)
    : impl_(std::make_unique<Impl>(*network.impl_, lanes)) {}
ExactSession::~ExactSession() = default;

void ExactSession::Reset(int lane, int kind) {
  if (kind < 0 || kind >= impl_->c.kind_count())
    throw InternalError("a context was to be of a kind that the network has not");
  Impl::Lane fresh;
  fresh.kind = kind;
  impl_->lanes[static_cast<size_t>(lane)] = fresh;
  impl_->pass->Clear(lane);
}

void ExactSession::Resume(int lane, int64_t position, int32_t last, const KnownPast& past) {
  if (impl_->c.reach() == 0)
    throw InternalError("a network without a reach was to go on from the middle of a context");
  impl_->CheckSymbol(last);
  impl_->lanes[static_cast<size_t>(lane)] = {position, last, true};
  impl_->pass->Resume(lane, past);
}

void ExactSession::Score(int lane, std::span<const int32_t> symbols,
                         std::span<SymbolInterval> intervals) {
  const FloatMode mode;
  Impl& impl = *impl_;
  impl.Score(lane, symbols, [&](size_t i, float* logits) {
    intervals[i] =
        impl.kernels.Interval(logits, impl.c.vocabulary, symbols[i], impl.frequency_row.data());
  });
}

void ExactSession::Score(int lane, std::span<const int32_t> symbols,
                         const TakeFrequenciesFn& take) {
  const FloatMode mode;
  Impl& impl = *impl_;
  impl.Score(lane, symbols, [&](size_t i, float* logits) {
    impl.kernels.Frequencies(logits, impl.c.vocabulary, impl.frequency_row.data());
    take(i, std::span(impl.frequency_row.data(), static_cast<size_t>(impl.c.vocabulary)));
  });
}

void ExactSession::Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) {
  const FloatMode mode;
  impl_->Step(previous, frequencies);
}

}  // namespace occam
