#include "coder/archive/costs.h"

#include <algorithm>
#include <cmath>

#include "coder/archive/model_header.h"
#include "coder/archive/progress_meter.h"
#include "coder/archive/segment_codec.h"
#include "coder/archive/segment_memory.h"

namespace occam {

void MeasureCosts(std::span<const uint8_t> bytes, const CodecModel& model,
                  const CodecOptions& options, std::span<float> bits, std::span<Decider> deciders) {
  const FileHeader header = HeaderFor(&model, options, bytes.size());
  const int threads = PlanWork(header, &model, options, 0, "the model").threads;
  SegmentCodec codec(header, &model, UsedOf(options.dictionary));
  ProgressMeter meter(options.progress);
  auto out = bits.begin();
  auto decided = deciders.begin();
  double sum = 0;
  for (size_t begin = 0; begin < bytes.size(); begin += header.segment_bytes()) {
    const size_t size = std::min<size_t>(header.segment_bytes(), bytes.size() - begin);
    const double before = sum;
    for (const SymbolFrequency& symbol : codec.ModelFrequencies(
             bytes.subspan(begin, size), threads, [&](uint32_t n) { meter.Add(n, 0); })) {
      const double cost = kFrequencyBits - std::log2(symbol.frequency);
      sum += cost;
      out = std::fill_n(out, symbol.bytes, static_cast<float>(cost / symbol.bytes));
      if (!deciders.empty()) decided = std::fill_n(decided, symbol.bytes, symbol.decider);
    }
    meter.Add(0, static_cast<uint64_t>(sum / 8) - static_cast<uint64_t>(before / 8));
  }
}

}  // namespace occam
