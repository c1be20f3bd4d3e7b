#include "coder/archive/compressor.h"

#include <algorithm>

#include "coder/archive/model_header.h"
#include "coder/archive/progress_meter.h"
#include "coder/archive/segment_codec.h"
#include "coder/archive/segment_memory.h"
#include "coder/archive/segment_pipeline.h"
#include "coder/archive/segment_plan.h"
#include "coder/container/container_writer.h"
#include "data/base/thread_team.h"

namespace occam {
namespace {

struct Segment {
  Bytes original;
  EncodedSegment encoded;
};

// Reads one segment after the other. A source that has ended is not read again: a terminal would
// wait for more.
class SegmentReader {
 public:
  SegmentReader(ByteSource& source, uint32_t segment_bytes)
      : source_(source), segment_bytes_(segment_bytes) {}

  // False where no bytes are left.
  bool Read(Bytes* original) {
    if (ended_) return false;
    original->resize(segment_bytes_);
    original->resize(source_.Read(*original));
    ended_ = original->size() < segment_bytes_;
    return !original->empty();
  }

 private:
  ByteSource& source_;
  uint32_t segment_bytes_;
  bool ended_ = false;
};

}  // namespace

ContainerStats Compress(ByteSource& source, ByteSink& sink, const CodecModel* model,
                        const CodecOptions& options) {
  const FileHeader header = HeaderFor(model, options.mode);
  SegmentPipeline<Segment> pipeline(
      header, model,
      PlanWork(header, model, options, options.embedded_model.size(), source.name()));
  ProgressMeter meter(options.progress);
  ContainerWriter writer(sink, header, options.embedded_model,
                         options.short_form ? ContainerWriter::ShortForm::kAllowed
                                            : ContainerWriter::ShortForm::kNever);
  SegmentReader reader(source, header.segment_bytes());
  ContainerStats stats;
  pipeline.Run([&](Segment* segment) { return reader.Read(&segment->original); },
               [&](const Segment& segment) {
                 // A segment has no more symbols than bytes.
                 const auto symbols = static_cast<uint32_t>(segment.original.size());
                 return WorkOf(symbols, CodingMethod::kModel, header);
               },
               [&](SegmentCodec& codec, Segment* segment, int threads) {
                 segment->encoded =
                     codec.Encode(segment->original, threads, [&](uint32_t n) { meter.Add(n, 0); });
               },
               [&](const Segment& segment) {
                 const EncodedSegment& encoded = segment.encoded;
                 writer.Append(encoded.header, encoded.payload);
                 stats.Add(encoded.header);
                 stats.lost_bit_bytes += encoded.lost_bit_bytes;
                 meter.Add(0, kSegmentHeaderBytes + encoded.payload.size());
               });
  writer.Finish();
  stats.file_bytes = writer.file_bytes();
  stats.model_bytes = options.embedded_model.size();
  return stats;
}

uint64_t ModelPayloadBytes(std::span<const uint8_t> original, const CodecModel& model,
                           const CodecOptions& options) {
  const FileHeader header = HeaderFor(&model, options.mode);
  const int threads = PlanWork(header, &model, options, 0, "the model").threads;
  SegmentCodec codec(header, &model);
  ProgressMeter meter(options.progress);
  uint64_t sum = 0;
  for (size_t begin = 0; begin < original.size(); begin += header.segment_bytes()) {
    const size_t size = std::min<size_t>(header.segment_bytes(), original.size() - begin);
    const size_t bytes = codec.PayloadBytes(CodingMethod::kModel, original.subspan(begin, size),
                                            threads, [&](uint32_t n) { meter.Add(n, 0); });
    meter.Add(0, bytes);
    sum += bytes;
  }
  return sum;
}

}  // namespace occam
