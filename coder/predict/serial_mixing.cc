#include "coder/predict/serial_mixing.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "coder/container/container_format.h"
#include "coder/predict/byte_decisions.h"
#include "coder/predict/watcher.h"
#include "data/base/error.h"

namespace occam {
namespace {

// Of a call of Score: mixing one goes on beside scoring the next.
constexpr size_t kPieces = 8;

}  // namespace

template <typename Mixer>
MixingPredictor<Mixer>::MixingPredictor(std::unique_ptr<NetworkPredictor> network, Mixer mixer)
    : network_(std::move(network)), mixer_(std::move(mixer)) {
  if (network_->vocabulary() != 256)
    throw UsageError("adaptive contexts are for models of bytes; this one's symbols are others");
}

template <typename Mixer>
void MixingPredictor<Mixer>::StartSegment(int lanes) {
  StartSegmentOf(lanes, kMaxSegmentSymbols);
}

template <typename Mixer>
void MixingPredictor<Mixer>::StartSegmentOf(int lanes, uint64_t symbols) {
  network_->StartSegment(lanes);
  if constexpr (requires { mixer_.Start(lanes, symbols); }) {
    mixer_.Start(lanes, symbols);
  } else {
    mixer_.Start(lanes);
  }
}

template <typename Mixer>
void MixingPredictor<Mixer>::Score(std::span<const std::span<const int32_t>> lanes,
                                   std::span<const std::span<SymbolInterval>> intervals) {
  Mix(lanes, intervals, [](size_t, size_t) { return kUnwatched; });
}

template <typename Mixer>
void MixingPredictor<Mixer>::ScoreWithDeciders(std::span<const std::span<const int32_t>> lanes,
                                               std::span<const std::span<SymbolInterval>> intervals,
                                               std::span<const std::span<Decider>> deciders) {
  Mix(lanes, intervals, [&](size_t lane, size_t step) {
    return [&mixer = mixer_, watcher = Watcher<Mixer>(), &decider = deciders[lane][step]](
               bool bit, int32_t probability) mutable {
      watcher.Add(mixer, bit, probability);
      decider = watcher.decider();  // after the last bit of what it is
    };
  });
}

template <typename Mixer>
template <typename Watch>
void MixingPredictor<Mixer>::Mix(std::span<const std::span<const int32_t>> lanes,
                                 std::span<const std::span<SymbolInterval>> intervals,
                                 Watch watch) {
  if (lanes.empty()) return;
  const size_t steps = lanes.front().size();
  paths_.resize(lanes.size() * steps);
  ThreadTeam& team = network_->team();
  const size_t piece = team.size() == 1 ? steps : (steps + kPieces - 1) / kPieces;
  const auto mix = [&](size_t begin) {
    for (size_t step = begin; step < std::min(begin + piece, steps); ++step) {
      for (size_t lane = 0; lane < lanes.size() && step < lanes[lane].size(); ++lane) {
        const auto byte = static_cast<uint32_t>(lanes[lane][step]);
        const int16_t* logit = paths_[lane * steps + step].data();
        int shift = 8;
        intervals[lane][step] = CodeByte(
            mixer_, static_cast<int>(lane), [&](uint32_t, uint32_t) { return *logit++; },
            [&](uint32_t) { return (byte >> --shift & 1) != 0; }, watch(lane, step));
      }
    }
  };
  network_->ScorePaths(lanes, 0, piece, paths_);
  for (size_t begin = 0; begin < steps; begin += piece) {
    const size_t next = begin + piece;
    team.Run(next < steps ? 2 : 1, [&](int item, int) {
      if (item == 0) {
        mix(begin);
      } else {
        network_->ScorePaths(lanes, next, piece, paths_);
      }
    });
  }
}

template <typename Mixer>
void MixingPredictor<Mixer>::Decode(RangeDecoder& decoder, std::span<int32_t> symbols) {
  frequencies_.resize(symbols.size() * 256);
  network_->Step(symbols, frequencies_);
  for (size_t lane = 0; lane < symbols.size(); ++lane) {
    const DecisionTree tree{std::span(frequencies_).subspan(lane * 256, 256)};
    const uint32_t target = decoder.Target();
    int32_t byte = 0;
    decoder.Advance(CodeByte(
        mixer_, static_cast<int>(lane),
        [&](uint32_t first, uint32_t leaves) { return tree.Logit(first, leaves); },
        [&](uint32_t split) {
          byte = byte * 2 + (target >= split ? 1 : 0);
          return target >= split;
        },
        kUnwatched));
    symbols[lane] = byte;
  }
}

template class MixingPredictor<Expert>;
template class MixingPredictor<AdaptiveMixer>;

// ---- The expert alone --------------------------------------------------------------------------

namespace {

constexpr auto kNoNetwork = [](uint32_t, uint32_t) { return 0; };

}  // namespace

void SerialExpertPredictor::StartSegment(int lanes) { StartSegmentOf(lanes, kMaxSegmentSymbols); }

void SerialExpertPredictor::StartSegmentOf(int lanes, uint64_t symbols) {
  expert_.Start(lanes, symbols);
}

// The interval of a known byte, which the expert then learns.
SymbolInterval SerialExpertPredictor::Code(int lane, uint32_t byte) {
  int shift = 8;
  return CodeByte(
      expert_, lane, kNoNetwork, [&](uint32_t) { return (byte >> --shift & 1) != 0; }, kUnwatched);
}

void SerialExpertPredictor::Score(std::span<const std::span<const int32_t>> lanes,
                                  std::span<const std::span<SymbolInterval>> intervals) {
  if (lanes.empty()) return;
  for (size_t step = 0; step < lanes.front().size(); ++step) {
    for (size_t lane = 0; lane < lanes.size() && step < lanes[lane].size(); ++lane)
      intervals[lane][step] =
          Code(static_cast<int>(lane), static_cast<uint32_t>(lanes[lane][step]));
  }
}

void SerialExpertPredictor::Decode(RangeDecoder& decoder, std::span<int32_t> symbols) {
  for (size_t lane = 0; lane < symbols.size(); ++lane) {
    const uint32_t target = decoder.Target();
    int32_t byte = 0;
    decoder.Advance(CodeByte(
        expert_, static_cast<int>(lane), kNoNetwork,
        [&](uint32_t split) {
          byte = byte * 2 + (target >= split ? 1 : 0);
          return target >= split;
        },
        kUnwatched));
    symbols[lane] = byte;
  }
}

}  // namespace occam
