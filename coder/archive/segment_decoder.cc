#include "coder/archive/segment_decoder.h"

#include <vector>

#include "coder/archive/model_header.h"
#include "coder/archive/progress_meter.h"
#include "coder/archive/segment_codec.h"
#include "coder/archive/segment_pipeline.h"
#include "coder/archive/segment_plan.h"

namespace occam {
namespace {

struct Segment {
  SegmentRecord record;
  Bytes original;
  std::exception_ptr failure;
};

}  // namespace

const CodecModel* ModelFor(const ContainerReader& reader, const ModelFinder& find_model,
                           const std::string& name) {
  const FileHeader& header = reader.header();
  if (!header.has_model()) return nullptr;
  const CodecModel* const model = find_model(header, reader.model());
  CheckModelFits(header, model, name);
  return model;
}

void DecodeSegments(const FileHeader& header, const CodecModel* model, const std::string& name,
                    const CodecOptions& options, uint64_t embedded_bytes, const NextSegmentFn& next,
                    const TakeSegmentFn& take) {
  SegmentPipeline<Segment> pipeline(header, model, DictionaryFor(header, options.dictionary, name),
                                    PlanWork(header, model, options, embedded_bytes, name));
  ProgressMeter meter(options.progress);
  std::exception_ptr end_of_reading;
  pipeline.Run(
      [&](Segment* segment) {
        try {
          return next(&segment->record);
        } catch (...) {
          end_of_reading = std::current_exception();
          return false;
        }
      },
      [&](const Segment& segment) {
        const SegmentHeader& record = segment.record.header;
        SegmentWork work = WorkOf(record.symbols, record.method, header);
        if (model != nullptr) work.lane_bytes = model->lane_bytes;
        return work;
      },
      [&](SegmentCodec& codec, Segment* segment, int threads) {
        segment->failure = nullptr;
        try {
          segment->original = codec.Decode(
              segment->record.header, segment->record.payload, threads,
              [&](uint32_t n) { meter.Add(n, 0); }, name);
        } catch (...) {
          segment->failure = std::current_exception();
        }
      },
      [&](const Segment& segment) {
        take(segment.record, segment.original, segment.failure);
        meter.Add(0, kSegmentHeaderBytes + segment.record.payload.size());
      });
  if (end_of_reading) std::rethrow_exception(end_of_reading);
}

}  // namespace occam
