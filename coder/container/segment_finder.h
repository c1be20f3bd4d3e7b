// The segments of a damaged .occ file that are still sound.
#ifndef OCCAM_CODER_CONTAINER_SEGMENT_FINDER_H_
#define OCCAM_CODER_CONTAINER_SEGMENT_FINDER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coder/container/container_format.h"
#include "coder/container/container_reader.h"
#include "data/base/file.h"

namespace occam {

// Not thread-safe. What is damaged is noted, never thrown; calls throw kIo alone.
class SegmentFinder {
 public:
  virtual ~SegmentFinder() = default;

  // The next segment whose header and payload match their hashes, numbers rising; false at the end.
  virtual bool Next(SegmentRecord* record) = 0;

  // Why a segment was not given, or the first of several in a row; complete once Next was false, as
  // is all below. A number that was given after all stands for something wrong before it that cost
  // no segment.
  const std::map<uint32_t, std::string>& reasons() const { return reasons_; }
  // What else is wrong: the records at the end, or what follows them.
  const std::vector<std::string>& remarks() const { return remarks_; }
  // As much of the original's length as is known, and whether that is all.
  uint64_t known_bytes() const { return known_bytes_; }
  bool all_known() const { return all_known_; }

 protected:
  std::map<uint32_t, std::string> reasons_;
  std::vector<std::string> remarks_;
  uint64_t known_bytes_ = 0;
  bool all_known_ = false;
};

// `source` stands at its byte `segments_begin`, where ContainerReader leaves it, and must outlive
// the finder, as must `header`. Goes by the
// index at the end where the source can seek and the index is sound, otherwise from record to
// record. Where a header is damaged it goes on at the place that its sizes name, if a record of the
// right number is there; otherwise it searches for a header that cannot be a part of somebody's
// data: the sound segments that follow it without a gap reach up to the end of the file, or are
// longer than any one payload. (An .occ file within an .occ file has headers, too.) Segments that
// are said to have been before it are believed in only where the bytes between have room for their
// headers, or an index after it has them. Throws kMemory
// where a sound index takes more than the limit.
std::unique_ptr<SegmentFinder> FindSegments(ByteSource& source, const FileHeader& header,
                                            uint64_t segments_begin, uint64_t memory_bytes);

}  // namespace occam

#endif  // OCCAM_CODER_CONTAINER_SEGMENT_FINDER_H_
