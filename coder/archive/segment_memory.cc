#include "coder/archive/segment_memory.h"

#include <algorithm>

#include "coder/predict/expert/expert.h"
#include "coder/predict/photo/photo_codec.h"
#include "coder/predict/sound/sound_coder.h"
#include "data/base/memory.h"
#include "data/base/processors.h"

namespace occam {
namespace {

uint64_t ModelMemory(const CodecModel* model) { return model == nullptr ? 0 : model->model_bytes; }

}  // namespace

uint64_t SegmentMemory(const FileHeader& header, const CodecModel* model, int threads) {
  // Of each byte: itself, as a symbol of four bytes, in payloads by two methods, and in what an
  // adaptive predictor remembers; a tokenizer needs some more to make symbols.
  const uint64_t a_byte = 8 + (model != nullptr && model->vocabulary != 256 ? 16 : 0);
  constexpr uint64_t kOrder2Bytes = 6 << 20;
  uint64_t bytes = a_byte * header.segment_bytes() + kOrder2Bytes;
  // Intervals of as many steps as are scored at once.
  const uint64_t row = std::min(header.context, header.lane_symbols);
  bytes += row * header.lanes * sizeof(SymbolInterval);
  if (MethodFits(CodingMethod::kSound, header.mode)) bytes += SoundCoder::kMemoryBytes;
  // The expert alone takes no more than the one beside the model, in whose place it is.
  // So does a photograph, which no model helps.
  uint64_t least = 0;
  if (header.mode == ContextMode::kAdaptive) {
    least = PhotoMemoryBytes(header.segment_bytes());
    if (model == nullptr) least = std::max(least, Expert::MemoryBytes(header.segment_bytes()));
  }
  if (model == nullptr || !model->predictor_bytes) return bytes + least;
  const auto lanes = static_cast<int>(header.lanes);
  return SaturatingSum(bytes, std::max(least, model->predictor_bytes(threads, header.mode, lanes)));
}

uint64_t RestoringMemory(const FileHeader& header, const CodecModel* model,
                         uint64_t embedded_bytes) {
  return SaturatingSum(ModelMemory(model) + embedded_bytes, SegmentMemory(header, model, 1));
}

WorkPlan PlanWork(const FileHeader& header, const CodecModel* model, const CodecOptions& options,
                  uint64_t embedded_bytes, const std::string& name) {
  RequireMemory(RestoringMemory(header, model, embedded_bytes), options.memory_bytes, name);
  const uint64_t left = options.memory_bytes - ModelMemory(model) - embedded_bytes;
  WorkPlan plan;
  plan.threads = options.threads == 0 ? ProcessorCount() : options.threads;
  while (SegmentMemory(header, model, plan.threads) > left) --plan.threads;
  // A predictor stays as it was made when as many segments as it is the last of were at work.
  uint64_t taken = SegmentMemory(header, model, plan.threads);
  for (; plan.segments < plan.threads; ++plan.segments) {
    taken = SaturatingSum(taken, SegmentMemory(header, model, plan.threads / (plan.segments + 1)));
    if (taken > left) break;
  }
  return plan;
}

}  // namespace occam
