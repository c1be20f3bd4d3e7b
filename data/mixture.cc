#include "data/mixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/random.h"

namespace occam {
namespace {

std::vector<double> SharesOf(std::span<const TrainingSource> sources) {
  std::vector<double> shares;
  for (const TrainingSource& source : sources) shares.push_back(source.share);
  return shares;
}

}  // namespace

std::vector<int64_t> MixtureQuotas(std::span<const double> shares) {
  double sum = 0;
  for (const double share : shares) {
    if (!(share > 0) || !std::isfinite(share))
      throw UsageError(fmt::format("a source's share is more than 0, not {}", share));
    sum += share;
  }
  if (shares.empty()) throw UsageError("there is no source to train on");
  std::vector<int64_t> quotas;
  std::vector<double> remainders;
  for (const double share : shares) {
    const double exact = share / sum * static_cast<double>(kMixtureCycle);
    quotas.push_back(static_cast<int64_t>(exact));
    remainders.push_back(exact - std::floor(exact));
  }
  for (int64_t left = kMixtureCycle - std::accumulate(quotas.begin(), quotas.end(), int64_t{0});
       left > 0; --left) {
    const auto largest = std::max_element(remainders.begin(), remainders.end());
    ++quotas[static_cast<size_t>(largest - remainders.begin())];
    *largest = -1;
  }
  if (std::ranges::find(quotas, 0) != quotas.end()) {
    throw UsageError(
        fmt::format("a source has less than one part in {} of the shares", kMixtureCycle));
  }
  return quotas;
}

MixedBatches::MixedBatches(std::span<const TrainingSource> sources, int32_t begin_symbol,
                           int sequences, int length, uint64_t seed, Contexts contexts)
    : sequences_(sequences), length_(length) {
  const std::vector<int64_t> quotas = MixtureQuotas(SharesOf(sources));
  for (size_t i = 0; i < sources.size(); ++i) {
    const uint64_t own_seed = i == 0 ? seed : Random(seed, i).Next();
    sources_.push_back(
        {TrainingBatches(sources[i].train_tokens, begin_symbol + sources[i].kind, sequences, length,
                         own_seed, sources[i].record_bytes, contexts),
         quotas[i]});
  }
  // Each turn goes to the source that is furthest behind its share.
  std::vector<int64_t> given(sources.size());
  for (int64_t turn = 0; turn < kMixtureCycle; ++turn) {
    const auto behind = [&](size_t i) { return quotas[i] * (turn + 1) - kMixtureCycle * given[i]; };
    size_t next = 0;
    for (size_t i = 1; i < sources.size(); ++i) {
      if (behind(i) > behind(next)) next = i;
    }
    turns_.push_back({next, given[next]++});
  }
}

void MixedBatches::Fill(int64_t step, Batch* batch) const {
  const auto length = static_cast<size_t>(length_);
  batch->inputs.resize(static_cast<size_t>(sequences_) * length);
  batch->targets.resize(static_cast<size_t>(sequences_) * length);
  for (int b = 0; b < sequences_; ++b) {
    const int64_t number = step * sequences_ + b;
    const Turn& turn = turns_[static_cast<size_t>(number % kMixtureCycle)];
    const Source& source = sources_[turn.source];
    const size_t first = static_cast<size_t>(b) * length;
    source.batches.FillSequence(number / kMixtureCycle * source.quota + turn.number,
                                std::span(batch->inputs).subspan(first, length),
                                std::span(batch->targets).subspan(first, length));
  }
}

double MixedBatches::share(size_t index) const {
  return static_cast<double>(sources_[index].quota) / static_cast<double>(kMixtureCycle);
}

int64_t MixedBatches::SequencesOf(size_t index, int64_t sequences) const {
  int64_t count = sequences / kMixtureCycle * sources_[index].quota;
  for (int64_t turn = 0; turn < sequences % kMixtureCycle; ++turn) {
    if (turns_[static_cast<size_t>(turn)].source == index) ++count;
  }
  return count;
}

}  // namespace occam
