#include "coder/predict/network_predictor.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>

#include "coder/predict/byte_decisions.h"
#include "data/base/error.h"

namespace occam {
namespace {

// Of scoring, for each thread: one that comes late, from other work, finds some that nobody has.
// In stepping a share's lanes are multiplied at once, so there is one for each thread.
constexpr int kScoringShares = 4;

// Takes no frequencies: of symbols that serve as a context alone.
constexpr auto kUntold = [](size_t, std::span<const uint32_t>) {};

// Chunks are scored lane by lane, by a session a thread.
int SharesFor(int threads, ContextMode mode) {
  return threads == 1 || mode == ContextMode::kChunked ? threads : kScoringShares * threads;
}

}  // namespace

NetworkPredictor::NetworkPredictor(const ExactNetwork& network, uint32_t context, int threads,
                                   ContextMode mode)
    : network_(network),
      context_(context),
      mode_(mode),
      team_(threads),
      shares_(static_cast<size_t>(SharesFor(team_.size(), mode))) {
  const auto most = static_cast<uint32_t>(network.config().context);
  if (context < 1 || context > most) {
    throw UsageError("a context of " + std::to_string(context) +
                     " symbols is not within that of the model, " + std::to_string(most));
  }
  if (mode == ContextMode::kCarried && context != most)
    throw UsageError("a carried context is the model's own, " + std::to_string(most) + " symbols");
}

void NetworkPredictor::StartSegment(int lanes) {
  step_ = 0;
  lanes_ = lanes;
  before_.clear();
}

void NetworkPredictor::StartSegmentBehind(std::vector<int32_t> symbols, int lanes) {
  StartSegment(lanes);
  before_ = std::move(symbols);
}

int NetworkPredictor::MostSessions(int threads, ContextMode mode, int lanes) {
  return std::clamp(lanes, threads, SharesFor(threads, mode));
}

void NetworkPredictor::CutShares(int count, size_t streams) {
  // Sessions of the other way of sharing, scoring or stepping, would hold lanes besides.
  if (count != cut_for_) {
    for (Share& share : shares_) {
      share.session.reset();
      share.capacity = 0;
    }
  }
  cut_for_ = count;
  used_ = std::min(count, static_cast<int>(streams));
  const auto first_lane_of = [&](int i) {
    const size_t stream = streams * static_cast<size_t>(i) / static_cast<size_t>(used_);
    return static_cast<int>(FirstLaneOf(stream, static_cast<size_t>(lanes_), streams));
  };
  for (int i = 0; i < used_; ++i) {
    Share& share = shares_[static_cast<size_t>(i)];
    share.first_lane = first_lane_of(i);
    share.lanes = first_lane_of(i + 1) - share.first_lane;
  }
}

ExactSession& NetworkPredictor::SessionFor(Share& share, int lanes) {
  if (share.capacity < lanes) {
    share.session.reset();
    share.session = std::make_unique<ExactSession>(network_, lanes);
    share.capacity = lanes;
  }
  return *share.session;
}

// Its own, whose keys and values are in its processor's cache; where another thread was quicker,
// one that nobody has yet.
NetworkPredictor::Share& NetworkPredictor::Take(int thread) {
  int i = thread;
  if (i >= used_ || shares_[static_cast<size_t>(i)].taken.exchange(true)) {
    for (i = 0; shares_[static_cast<size_t>(i)].taken.exchange(true);) ++i;
  }
  return shares_[static_cast<size_t>(i)];
}

template <typename Job>
void NetworkPredictor::ShareOut(size_t active, Job job) {
  for (Share& share : shares_) share.taken = false;
  team_.Run(used_, [&](int, int thread) {
    Share& share = Take(thread);
    const int lanes = std::clamp(static_cast<int>(active) - share.first_lane, 0, share.lanes);
    job(share, static_cast<size_t>(share.first_lane), static_cast<size_t>(lanes));
  });
}

ExactSession& NetworkPredictor::ReadySession(Share& share, size_t lanes) {
  ExactSession& session = SessionFor(share, share.lanes);
  const bool fresh = mode_ == ContextMode::kCarried ? step_ == 0 : step_ % context_ == 0;
  for (int lane = 0; fresh && lane < static_cast<int>(lanes); ++lane) {
    session.Reset(lane, kind_);
    session.Score(lane, before_, kUntold);
  }
  return session;
}

template <typename ScorePiece>
void NetworkPredictor::ForEachPiece(std::span<const std::span<const int32_t>> lanes,
                                    ScorePiece score) {
  if (step_ == 0) CutShares(static_cast<int>(shares_.size()), static_cast<size_t>(lanes_));
  if (step_ == 0 && !lanes.empty())
    in_parts_ = mode_ == ContextMode::kCarried && PartsFor(lanes.size(), lanes.front().size()) > 1;
  if (in_parts_) {
    ForEachPart(lanes, score);
  } else if (mode_ == ContextMode::kCarried) {
    ShareOut(lanes.size(), [&](Share& share, size_t first, size_t count) {
      if (count == 0) return;
      ExactSession& session = ReadySession(share, count);
      for (size_t i = 0; i < count; ++i)
        score(session, static_cast<int>(i), first + i, size_t{0}, lanes[first + i].size());
    });
  } else {
    if (step_ % context_ != 0) throw InternalError("scoring must go on at the start of a chunk");
    team_.Run(static_cast<int>(lanes.size()), [&](int index, int thread) {
      // Chunks know nothing of each other, so one lane's cache serves them all.
      ExactSession& session = SessionFor(shares_[static_cast<size_t>(thread)], 1);
      const auto lane = static_cast<size_t>(index);
      for (size_t begin = 0; begin < lanes[lane].size(); begin += context_) {
        session.Reset(0, kind_);
        score(session, 0, lane, begin, std::min<size_t>(context_, lanes[lane].size() - begin));
      }
    });
  }
  if (!lanes.empty()) step_ += lanes.front().size();
}

size_t NetworkPredictor::PartsFor(size_t lanes, size_t steps) const {
  // What a part scores before it begins is for nothing, so it is the smaller part.
  const auto reach = static_cast<size_t>(network_.config().reach());
  if (reach == 0) return 1;
  const auto threads = static_cast<size_t>(team_.size());
  return std::min((threads + lanes - 1) / lanes, std::max<size_t>(steps / (2 * reach), 1));
}

template <typename ScorePiece>
void NetworkPredictor::ForEachPart(std::span<const std::span<const int32_t>> lanes,
                                   ScorePiece score) {
  if (step_ == 0) tails_.assign(lanes.size(), Tail{{}, before_});
  const uint64_t position = before_.size() + step_;
  const auto reach = static_cast<uint64_t>(network_.config().reach());
  struct Part {
    size_t lane, begin, size;         // of what is scored
    uint64_t position;                // where it is begun
    std::span<const int32_t> before;  // symbols from there to the begin
    int32_t last = 0;                 // the symbol before these, and what is known before it
    KnownPast past;
  };
  std::vector<Part> parts;
  const size_t count = PartsFor(lanes.size(), lanes.front().size());
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    Tail& tail = tails_[lane];
    const size_t size = lanes[lane].size();
    const size_t known = tail.symbols.size();
    const uint64_t first = position - known;  // that of the tail's first symbol
    tail.symbols.insert(tail.symbols.end(), lanes[lane].begin(), lanes[lane].end());
    const std::span<const int32_t> symbols = tail.symbols;
    KnownPast past = tail.past;
    size_t in_past = 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t begin = size * i / count;
      if (begin == size * (i + 1) / count) continue;
      Part part{lane, begin, size * (i + 1) / count - begin, 0, {}, 0, {}};
      part.position = position + begin > reach ? position + begin - reach : 0;
      const size_t at = part.position - first;
      part.before = symbols.subspan(at, known + begin - at);
      if (part.position > 0) {
        part.last = symbols[at - 1];
        for (; in_past + 1 < at; ++in_past) past.Append(symbols[in_past]);
        part.past = past;
      }
      parts.push_back(part);
    }
  }
  team_.Run(static_cast<int>(parts.size()), [&](int index, int thread) {
    const Part& part = parts[static_cast<size_t>(index)];
    ExactSession& session = SessionFor(shares_[static_cast<size_t>(thread)], 1);
    session.Reset(0, kind_);
    if (part.position > 0)
      session.Resume(0, static_cast<int64_t>(part.position), part.last, part.past);
    session.Score(0, part.before, kUntold);
    score(session, 0, part.lane, part.begin, part.size);
  });
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    Tail& tail = tails_[lane];
    const size_t needed = std::min<size_t>(tail.symbols.size(), reach + 1);
    const auto end = tail.symbols.end() - static_cast<std::ptrdiff_t>(needed);
    for (auto symbol = tail.symbols.begin(); symbol != end; ++symbol) tail.past.Append(*symbol);
    tail.symbols.erase(tail.symbols.begin(), end);
  }
}

void NetworkPredictor::Score(std::span<const std::span<const int32_t>> lanes,
                             std::span<const std::span<SymbolInterval>> intervals) {
  ForEachPiece(lanes, [&](ExactSession& session, int own, size_t lane, size_t begin, size_t size) {
    session.Score(own, lanes[lane].subspan(begin, size), intervals[lane].subspan(begin, size));
  });
}

void NetworkPredictor::ScoreTables(std::span<const std::span<const int32_t>> lanes,
                                   const TakeTableFn& take) {
  ForEachPiece(lanes, [&](ExactSession& session, int own, size_t lane, size_t begin, size_t size) {
    session.Score(own, lanes[lane].subspan(begin, size),
                  [&](size_t i, std::span<const uint32_t> frequencies) {
                    take(lane, begin + i, frequencies);
                  });
  });
}

void NetworkPredictor::ScorePaths(std::span<const std::span<const int32_t>> lanes, size_t begin,
                                  size_t count, std::span<Path> paths) {
  const size_t steps = lanes.front().size();
  std::vector<std::span<const int32_t>> parts;
  for (const auto lane : lanes) {
    if (lane.size() <= begin) break;
    parts.push_back(lane.subspan(begin, std::min(count, lane.size() - begin)));
  }
  ScoreTables(parts, [&](size_t lane, size_t i, std::span<const uint32_t> frequencies) {
    const DecisionTree tree(frequencies);
    const auto byte = static_cast<uint32_t>(parts[lane][i]);
    Path& path = paths[lane * steps + begin + i];
    for (uint32_t d = 0, leaves = 256; leaves > 1; leaves /= 2, ++d)
      path[d] = static_cast<int16_t>(tree.Logit(byte & ~(leaves - 1), leaves));
  });
}

void NetworkPredictor::Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) {
  StepStreams(previous, frequencies, static_cast<size_t>(lanes_), [](size_t, size_t, size_t) {});
}

void NetworkPredictor::StepStreams(std::span<const int32_t> previous,
                                   std::span<uint32_t> frequencies, size_t streams,
                                   const TakeLanesFn& take) {
  const auto size = static_cast<size_t>(vocabulary());
  std::vector<int32_t> last;
  if (step_ == 0) {
    CutShares(team_.size(), streams);
    if (!before_.empty()) last.assign(previous.size(), before_.back());
  }
  if (!last.empty()) previous = last;
  ShareOut(previous.size(), [&](Share& share, size_t first, size_t count) {
    // Whoever fails must not keep the others waiting.
    std::exception_ptr failure;
    try {
      if (count > 0) {
        ReadySession(share, count)
            .Step(previous.subspan(first, count), frequencies.subspan(first * size, count * size));
      }
    } catch (...) {
      failure = std::current_exception();
    }
    take(static_cast<size_t>(&share - shares_.data()), first, failure ? first : first + count);
    if (failure) std::rethrow_exception(failure);
  });
  ++step_;
}

}  // namespace occam
