#include "coder/archive/segment_memory.h"

#include <algorithm>

#include "coder/predict/adaptive_predictor.h"
#include "coder/predict/photo/photo_codec.h"
#include "coder/predict/serial_mixing.h"
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
  // Intervals of as many steps as are scored at once, and what a network says of them.
  const uint64_t row = std::min(RowSymbols(header), header.lane_symbols);
  const uint64_t a_step = sizeof(SymbolInterval) + (IsLong(header.mode) ? 16 : 0);
  bytes += row * header.lanes * a_step;
  if (MethodFits(CodingMethod::kSound, header.mode)) bytes += SoundCoder::kMemoryBytes;
  // The expert alone is in the place of the one beside the model. So is a photograph, which no
  // model helps.
  uint64_t predictor = 0;
  if (HasExpert(header.mode)) {
    // A header does not tell how long its dictionary is.
    const uint64_t before = header.has_dictionary() ? kMaxDictionaryBytes : 0;
    const uint64_t all = before + header.segment_bytes();
    predictor = HasSerialExpert(header.mode)
                    ? Expert::MemoryBytes(all, ExpertFormOf(header.mode))
                    : StepExpert::MemoryBytes(all, StepFormOf(header.mode));
    bytes += before;
  }
  if (model != nullptr && model->predictor_bytes) {
    const auto lanes = static_cast<int>(header.lanes);
    predictor = SaturatingSum(predictor, model->predictor_bytes(threads, header.mode, lanes));
  }
  if (MethodFits(CodingMethod::kPhoto, header.mode))
    predictor = std::max(predictor, PhotoMemoryBytes(header.segment_bytes()));
  return SaturatingSum(bytes, predictor);
}

uint32_t RowSymbols(const FileHeader& header) {
  if (!IsLong(header.mode)) return header.context;
  constexpr uint32_t kRow = 1 << 19;  // of all lanes, for many threads that share few lanes
  return header.context * std::max(1u, kRow / header.lanes / header.context);
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
