// Shares threads between segments that wait to be coded.
#ifndef OCCAM_CODER_ARCHIVE_SEGMENT_PLAN_H_
#define OCCAM_CODER_ARCHIVE_SEGMENT_PLAN_H_

#include <cstdint>
#include <span>

#include "coder/container/container_format.h"

namespace occam {

// The work of a segment: how long it takes and how many threads can share it.
struct SegmentWork {
  uint64_t steps = 0;  // symbols of its longest lane
  uint32_t lanes = 0;
  uint64_t lane_bytes = 0;  // bytes that every step reads again for each lane; 0 when encoding
};

// Returns the work of a segment; methods other than the model take no time beside it.
SegmentWork WorkOf(uint32_t symbols, CodingMethod method, const FileHeader& file);

// Returns how many of the waiting segments to begin with at once, so that all are soonest done: at
// least one, no more than threads. Each gets threads / (this number) threads of its own. Many
// waiting segments are best taken one a thread, a few by several threads each. Several threads each
// are also best where the lanes of many would read more at every step than stays in the cache. The
// threads share one of `cache_bytes`. The number never shows in what is written. `waiting` must not
// be empty.
int SegmentsAtOnce(std::span<const SegmentWork> waiting, int threads, uint64_t cache_bytes);

// The processor's last level of cache; a guess where the system does not tell.
uint64_t SharedCacheBytes();

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_SEGMENT_PLAN_H_
