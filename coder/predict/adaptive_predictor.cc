#include "coder/predict/adaptive_predictor.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>

#include "coder/predict/byte_decisions.h"
#include "coder/predict/watcher.h"
#include "data/base/error.h"
#include "data/base/processors.h"
#include "data/base/spin_barrier.h"

namespace occam {
namespace {

// Of a call of Score: mixing one goes on beside scoring the next.
constexpr size_t kPieces = 8;

constexpr size_t kTaughtAtOnce = 1 << 13;  // bytes of a dictionary
// Bytes that every lane's network begins behind. Records of JSON take 1.8 % more with none, and
// 0.2 % less with 2,048, which cost three times the time of a record.
constexpr size_t kSeenAgain = 512;

// Tells the bits of a known byte, from the highest one on.
auto BitsOf(uint32_t byte) {
  return [byte, shift = 8](uint32_t) mutable { return (byte >> --shift & 1) != 0; };
}

// Decodes the next byte of a lane.
template <typename Logit>
int32_t DecodeByte(StepExpert::Lane& lane, Logit logit, RangeDecoder& decoder) {
  const uint32_t target = decoder.Target();
  int32_t byte = 0;
  decoder.Advance(CodeByte(
      lane, 0, logit,
      [&](uint32_t split) {
        byte = byte * 2 + (target >= split ? 1 : 0);
        return target >= split;
      },
      kUnwatched));
  return byte;
}

}  // namespace

AdaptivePredictor::AdaptivePredictor(std::unique_ptr<NetworkPredictor> network,
                                     const MixerKernels& kernels, const StepForm& form)
    : network_(std::move(network)),
      expert_(/*with_network=*/true, kernels, form),
      crowded_(network_->team().size() > ProcessorCount()) {
  if (network_->vocabulary() != 256)
    throw UsageError("adaptive contexts are for models of bytes; this one's symbols are others");
}

void AdaptivePredictor::StartSegment(int lanes) { StartSegmentOf(lanes, kMaxSegmentSymbols); }

void AdaptivePredictor::StartSegmentOf(int lanes, uint64_t symbols) {
  network_->StartSegment(lanes);
  expert_.Start(lanes, symbols);
  lanes_ = static_cast<size_t>(lanes);
}

void AdaptivePredictor::StartSegmentAfter(std::span<const uint8_t> dictionary, int lanes,
                                          uint64_t symbols, Lessons lessons,
                                          const KeepOnFn& keep_on) {
  if (dictionary.empty()) return StartSegmentOf(lanes, symbols);
  lanes_ = static_cast<size_t>(lanes);
  const bool keep = lessons == Lessons::kKept && lanes == 1;
  if (keep && taught_ && taught_->symbols == symbols &&
      std::ranges::equal(taught_->dictionary, dictionary)) {
    expert_.CopyFrom(taught_->expert);
  } else {
    taught_.reset();
    network_->StartSegment(1);
    expert_.Start(lanes, dictionary.size() + symbols);
    Teach(dictionary, keep_on);
    if (keep) {
      taught_ = std::make_unique<Taught>(
          Taught{{dictionary.begin(), dictionary.end()}, symbols, expert_.Fresh()});
      taught_->expert.CopyFrom(expert_);
    }
  }
  const size_t size = std::min({dictionary.size(), kSeenAgain, size_t{network_->context()}});
  const auto end = dictionary.last(size);
  network_->StartSegmentBehind({end.begin(), end.end()}, lanes);
}

void AdaptivePredictor::Teach(std::span<const uint8_t> dictionary, const KeepOnFn& keep_on) {
  std::vector<SymbolInterval> unused(std::min(dictionary.size(), kTaughtAtOnce));
  for (size_t begin = 0; begin < dictionary.size(); begin += unused.size()) {
    const auto part = dictionary.subspan(begin, std::min(unused.size(), dictionary.size() - begin));
    const std::vector<int32_t> symbols(part.begin(), part.end());
    const std::span<const int32_t> known = symbols;
    const auto intervals = std::span(unused).first(part.size());
    Score(std::span(&known, 1), std::span(&intervals, 1));
    keep_on();
  }
}

void AdaptivePredictor::Score(std::span<const std::span<const int32_t>> lanes,
                              std::span<const std::span<SymbolInterval>> intervals) {
  Mix(lanes, intervals, [](size_t, size_t) { return kUnwatched; });
}

void AdaptivePredictor::ScoreWithDeciders(std::span<const std::span<const int32_t>> lanes,
                                          std::span<const std::span<SymbolInterval>> intervals,
                                          std::span<const std::span<Decider>> deciders) {
  Mix(lanes, intervals, [&](size_t lane, size_t step) {
    return [&mixer = expert_.lane(lane), watcher = Watcher<StepExpert::Lane>(),
            &decider = deciders[lane][step]](bool bit, int32_t probability) mutable {
      watcher.Add(mixer, bit, probability);
      decider = watcher.decider();  // after the last bit of what it is
    };
  });
}

template <typename Code>
void AdaptivePredictor::CodeLanes(size_t first, size_t end, Code code) {
  for (size_t lane = first; lane < end; ++lane) {
    expert_.lane(lane).Prefetch();
    if (lane + 1 < end) expert_.lane(lane + 1).Prefetch();
    code(lane);
  }
}

template <typename Watch>
void AdaptivePredictor::Mix(std::span<const std::span<const int32_t>> lanes,
                            std::span<const std::span<SymbolInterval>> intervals, Watch watch) {
  if (lanes.empty()) return;
  const size_t steps = lanes.front().size();
  paths_.resize(lanes.size() * steps);
  ThreadTeam& team = network_->team();
  // Some threads mix a piece while the others score the next. Those who score wait for nobody, and
  // mixing by few threads spares them much waiting for each other.
  const auto threads = static_cast<size_t>(team.size());
  const size_t workers = std::clamp<size_t>(threads / 2, 1, lanes.size());
  SpinBarrier barrier(static_cast<int>(workers), crowded_);
  expert_.SetWorkers(workers);
  std::atomic<bool> failed = false;  // then all workers end at the same barrier
  const auto mix = [&](size_t begin, size_t end, size_t worker) {
    std::exception_ptr failure;
    const auto attempt = [&](auto job) {
      try {
        job();
      } catch (...) {
        failure = std::current_exception();
        failed = true;
      }
    };
    size_t active = lanes.size();
    for (size_t step = begin; step < end; ++step) {
      while (lanes[active - 1].size() <= step) --active;
      const auto code = [&](size_t lane) {
        const int16_t* logit = paths_[lane * steps + step].data();
        intervals[lane][step] = CodeByte(
            expert_.lane(lane), 0, [&](uint32_t, uint32_t) { return *logit++; },
            BitsOf(static_cast<uint32_t>(lanes[lane][step])), watch(lane, step));
      };
      attempt([&] { CodeLanes(active * worker / workers, active * (worker + 1) / workers, code); });
      barrier.Wait();
      if (failed) break;
      expert_.LearnPart(active, worker);
      barrier.Wait();
      if (!expert_.MustEndStep()) continue;
      barrier.Wait();
      if (worker == 0) attempt([&] { expert_.EndStep(); });
      barrier.Wait();
      if (failed) break;
    }
    if (failure) std::rethrow_exception(failure);
  };
  const size_t piece = threads == 1 ? steps : (steps + kPieces - 1) / kPieces;
  network_->ScorePaths(lanes, 0, piece, paths_);
  for (size_t begin = 0; begin < steps; begin += piece) {
    const size_t next = begin + piece;
    const size_t jobs = next < steps ? workers + 1 : workers;
    team.Run(static_cast<int>(jobs), [&](int item, int) {
      const auto worker = static_cast<size_t>(item);
      if (worker < workers) {
        mix(begin, std::min(next, steps), worker);
      } else {
        network_->ScorePaths(lanes, next, piece, paths_);
      }
    });
  }
}

void AdaptivePredictor::Decode(RangeDecoder& decoder, std::span<int32_t> symbols) {
  DecodeStreams(std::span(&decoder, 1), symbols);
}

void AdaptivePredictor::DecodeStreams(std::span<RangeDecoder> streams, std::span<int32_t> symbols) {
  frequencies_.resize(symbols.size() * 256);
  const size_t workers = network_->StepWorkers(streams.size());
  SpinBarrier barrier(static_cast<int>(workers), crowded_);
  expert_.SetWorkers(workers);
  const auto decode = [&](size_t lane) {
    const DecisionTree tree{std::span(frequencies_).subspan(lane * 256, 256)};
    symbols[lane] = DecodeByte(
        expert_.lane(lane),
        [&](uint32_t from, uint32_t leaves) { return tree.Logit(from, leaves); },
        streams[StreamOf(lane, lanes_, streams.size())]);
  };
  network_->StepStreams(symbols, frequencies_, streams.size(),
                        [&](size_t worker, size_t first, size_t end) {
                          // Damage must not keep the others waiting.
                          std::exception_ptr damage;
                          try {
                            CodeLanes(first, end, decode);
                          } catch (...) {
                            damage = std::current_exception();
                          }
                          barrier.Wait();
                          if (damage) std::rethrow_exception(damage);
                          expert_.LearnPart(symbols.size(), worker);
                        });
  expert_.EndStep();
}

// ---- The expert alone --------------------------------------------------------------------------

namespace {

constexpr auto kNoNetwork = [](uint32_t, uint32_t) { return 0; };

}  // namespace

void ExpertPredictor::StartSegment(int lanes) { StartSegmentOf(lanes, kMaxSegmentSymbols); }

void ExpertPredictor::StartSegmentOf(int lanes, uint64_t symbols) { expert_.Start(lanes, symbols); }

void ExpertPredictor::StartSegmentAfter(std::span<const uint8_t> dictionary, int lanes,
                                        uint64_t symbols, Lessons /*lessons*/,
                                        const KeepOnFn& keep_on) {
  expert_.Start(lanes, dictionary.size() + symbols);
  for (size_t i = 0; i < dictionary.size(); ++i) {
    Code(0, dictionary[i]);
    expert_.LearnStep(1);
    if ((i + 1) % kTaughtAtOnce == 0) keep_on();
  }
}

// The interval of a known byte.
SymbolInterval ExpertPredictor::Code(size_t lane, uint32_t byte) {
  return CodeByte(expert_.lane(lane), 0, kNoNetwork, BitsOf(byte), kUnwatched);
}

void ExpertPredictor::Score(std::span<const std::span<const int32_t>> lanes,
                            std::span<const std::span<SymbolInterval>> intervals) {
  if (lanes.empty()) return;
  for (size_t step = 0; step < lanes.front().size(); ++step) {
    size_t lane = 0;
    for (; lane < lanes.size() && step < lanes[lane].size(); ++lane)
      intervals[lane][step] = Code(lane, static_cast<uint32_t>(lanes[lane][step]));
    expert_.LearnStep(lane);
  }
}

void ExpertPredictor::Decode(RangeDecoder& decoder, std::span<int32_t> symbols) {
  for (size_t lane = 0; lane < symbols.size(); ++lane)
    symbols[lane] = DecodeByte(expert_.lane(lane), kNoNetwork, decoder);
  expert_.LearnStep(symbols.size());
}

}  // namespace occam
