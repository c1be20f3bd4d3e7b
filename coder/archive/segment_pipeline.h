// Works on segments by the threads of a team: what compressing and decompressing share.
#ifndef OCCAM_CODER_ARCHIVE_SEGMENT_PIPELINE_H_
#define OCCAM_CODER_ARCHIVE_SEGMENT_PIPELINE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coder/archive/segment_codec.h"
#include "coder/archive/segment_memory.h"
#include "coder/archive/segment_plan.h"
#include "data/base/thread_team.h"

namespace occam {

// Reads as many segments as may be at work at once. Works on as many of them as are soonest done
// (segment_plan.h), hands these on in order, and reads on. So memory is bounded, whatever the
// length of the file.
//
// `Segment` holds what is read of one segment and what becomes of it. Its memory is used again for
// later segments.
template <typename Segment>
class SegmentPipeline {
 public:
  // `model` may be null; otherwise it must outlive the pipeline, as the header's dictionary must.
  SegmentPipeline(const FileHeader& header, const CodecModel* model,
                  std::span<const uint8_t> dictionary, const WorkPlan& plan)
      : team_(plan.threads), segments_(static_cast<size_t>(plan.segments)) {
    for (size_t i = 0; i < segments_.size(); ++i) codecs_.emplace_back(header, model, dictionary);
  }

  // Calls these until there are no more segments:
  // - bool read(Segment*) fills the next one, or returns false where there is none;
  // - SegmentWork work_of(const Segment&) says how much work it is;
  // - void work(SegmentCodec&, Segment*, int threads) does it, in several threads at once;
  // - void take(const Segment&) gets what work made of it, in the order of reading.
  // All but `work` run in the calling thread. What any of them throws comes out at once.
  template <typename Read, typename WorkOf, typename Work, typename Take>
  void Run(Read read, WorkOf work_of, Work work, Take take) {
    size_t waiting = 0;
    for (bool more = true;;) {
      while (more && waiting < segments_.size()) {
        more = read(&segments_[waiting]);
        if (more) ++waiting;
      }
      if (waiting == 0) return;
      const size_t count = CountAtOnce(std::span(segments_).first(waiting), work_of);
      const int items = static_cast<int>(count);
      team_.Run(items, [&](int item, int) {
        const auto i = static_cast<size_t>(item);
        work(codecs_[i], &segments_[i], team_.size() / items);
      });
      for (const Segment& segment : std::span(segments_).first(count)) take(segment);
      const auto begin = segments_.begin();
      std::rotate(begin, begin + static_cast<std::ptrdiff_t>(count),
                  begin + static_cast<std::ptrdiff_t>(waiting));
      waiting -= count;
    }
  }

 private:
  template <typename WorkOf>
  size_t CountAtOnce(std::span<const Segment> waiting, WorkOf work_of) {
    std::vector<SegmentWork> work;
    for (const Segment& segment : waiting) work.push_back(work_of(segment));
    return static_cast<size_t>(SegmentsAtOnce(work, team_.size(), cache_bytes_));
  }

  ThreadTeam team_;
  std::vector<SegmentCodec> codecs_;  // one a segment at work, since predictors are costly to make
  std::vector<Segment> segments_;
  const uint64_t cache_bytes_ = SharedCacheBytes();
};

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_SEGMENT_PIPELINE_H_
