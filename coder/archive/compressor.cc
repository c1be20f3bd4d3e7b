#include "coder/archive/compressor.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "coder/archive/model_header.h"
#include "coder/archive/progress_meter.h"
#include "coder/archive/segment_codec.h"
#include "coder/archive/segment_memory.h"
#include "coder/archive/segment_pipeline.h"
#include "coder/archive/segment_plan.h"
#include "coder/container/container_writer.h"
#include "data/base/error.h"
#include "data/base/thread_team.h"

namespace occam {
namespace {

struct Segment {
  Bytes original;
  uint64_t begin = 0;  // in the file
  EncodedSegment encoded;
};

// Reads one segment after the other. A source that has ended is not read again: a terminal would
// wait for more.
class SegmentReader {
 public:
  explicit SegmentReader(ByteSource& source) : source_(source) {}

  // Returns the next bytes, which are read again later: as many as these, or all.
  std::span<const uint8_t> LookAhead(size_t size) {
    const size_t had = ahead_.size();
    if (had < size && !ended_) {
      ahead_.resize(size);
      ahead_.resize(had + source_.Read(std::span(ahead_).subspan(had)));
      ended_ = ahead_.size() < size;
    }
    return std::span(ahead_).first(std::min(size, ahead_.size()));
  }

  // Reads at most so many bytes; fewer are the last ones. False where no bytes are left.
  bool Read(uint32_t size, Bytes* original) {
    original->resize(size);
    const size_t known = std::min<size_t>(size, ahead_.size());
    std::copy_n(ahead_.begin(), known, original->begin());
    ahead_.erase(ahead_.begin(), ahead_.begin() + static_cast<std::ptrdiff_t>(known));
    if (ahead_.empty()) ahead_ = Bytes();
    const size_t more =
        known == size || ended_ ? 0 : source_.Read(std::span(*original).subspan(known));
    ended_ = ended_ || (known < size && known + more < size);
    original->resize(known + more);
    return !original->empty();
  }

 private:
  ByteSource& source_;
  Bytes ahead_;  // read before it was asked for
  bool ended_ = false;
};

// The photograph that a file is: the caller's, or what its header tells.
std::optional<PhotoFile> PhotoOf(SegmentReader& reader, const CodecOptions& options) {
  if (options.photo) {
    if (!options.dictionary.empty())
      throw UsageError("a photograph is coded without a dictionary; give the one or the other");
    return options.photo;
  }
  if (!options.dictionary.empty()) return std::nullopt;
  if (!MayBePhoto(reader.LookAhead(kPhotoMagicBytes))) return std::nullopt;
  return FindPhoto(reader.LookAhead(kMaxSegmentSymbols));
}

// Whether the first bytes of a file are worth coding as a photograph, by header and model that it
// would have otherwise.
bool BeginsWithPhoto(const FileHeader& header, const CodecModel* model, uint32_t segment_bytes,
                     SegmentReader& reader, const PhotoFile& photo) {
  const auto original = reader.LookAhead(segment_bytes);
  const auto layout = LayoutOf(photo, 0, original.size());
  return layout && SegmentCodec(header, model).IsPhoto(original, *layout, 1);
}

}  // namespace

ContainerStats Compress(ByteSource& source, ByteSink& sink, const CodecModel* model,
                        const CodecOptions& options) {
  SegmentReader reader(source);
  FileHeader header = HeaderFor(model, options, reader.LookAhead(kMostJudgedBytes).size());
  WorkPlan plan = PlanWork(header, model, options, options.embedded_model.size(), source.name());
  std::optional<PhotoFile> photo = PhotoOf(reader, options);
  if (photo && options.embedded_model.empty() &&
      (model != nullptr || options.mode != ContextMode::kAdaptive)) {
    // A photograph is a file of mode adaptive without a model, whatever others are.
    const FileHeader of_photos = HeaderFor(nullptr, ContextMode::kAdaptive);
    if (BeginsWithPhoto(header, model, of_photos.segment_bytes(), reader, *photo)) {
      plan = PlanWork(of_photos, nullptr, options, 0, source.name());
      header = of_photos;
      model = nullptr;
    }
  }
  SegmentPipeline<Segment> pipeline(header, model, UsedOf(options.dictionary), plan);
  ProgressMeter meter(options.progress);
  ContainerWriter writer(sink, header, options.embedded_model,
                         options.short_form ? ContainerWriter::ShortForm::kAllowed
                                            : ContainerWriter::ShortForm::kNever);
  ContainerStats stats;
  uint64_t begin = 0;
  pipeline.Run(
      [&](Segment* segment) {
        segment->begin = begin;
        if (!reader.Read(header.segment_bytes(), &segment->original)) return false;
        begin += segment->original.size();
        return true;
      },
      [&](const Segment& segment) {
        // A segment has no more symbols than bytes.
        const auto symbols = static_cast<uint32_t>(segment.original.size());
        return WorkOf(symbols, CodingMethod::kModel, header);
      },
      [&](SegmentCodec& codec, Segment* segment, int threads) {
        const auto layout =
            photo ? LayoutOf(*photo, segment->begin, segment->original.size()) : std::nullopt;
        segment->encoded = codec.Encode(
            segment->original, threads, [&](uint32_t n) { meter.Add(n, 0); }, layout);
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
  const FileHeader header = HeaderFor(&model, options, original.size());
  const int threads = PlanWork(header, &model, options, 0, "the model").threads;
  SegmentCodec codec(header, &model, UsedOf(options.dictionary));
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
