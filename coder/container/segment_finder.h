// The segments of a damaged .occ file that are still sound.
#ifndef OCCAM_CODER_CONTAINER_SEGMENT_FINDER_H_
#define OCCAM_CODER_CONTAINER_SEGMENT_FINDER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coder/container/container_format.h"
#include "coder/container/container_reader.h"
#include "coder/container/look_ahead.h"
#include "data/base/file.h"

namespace occam {

// Notes what is damaged and never throws it; calls throw kIo alone. Is not thread-safe.
class SegmentFinder {
 public:
  virtual ~SegmentFinder() = default;

  // The next segment whose header and payload match their hashes, numbers rising; false at the end.
  virtual bool Next(SegmentRecord* record) = 0;

  // The reason why a segment, or the first of several in a row, was not given. It is complete once
  // Next was false, as is all below. A number that was given after all stands for something wrong
  // before it that cost no segment.
  const std::map<uint32_t, std::string>& reasons() const { return reasons_; }
  // Remarks on what else is wrong: the records at the end, or what follows them.
  const std::vector<std::string>& remarks() const { return remarks_; }
  // The known part of the original's length, and whether that is all of it.
  uint64_t known_bytes() const { return known_bytes_; }
  bool all_known() const { return all_known_; }
  // Returns, once, what was read of another archive that follows this one; empty where none does,
  // or none is looked for because the source is one archive.
  Bytes TakeNextArchive() { return std::move(next_archive_); }

 protected:
  // Passes over zeros after the archive's end, where `ahead` stands. Then it takes another archive,
  // or notes what is there instead.
  void LookForNextArchive(LookAhead* ahead, const std::string& name);

  std::map<uint32_t, std::string> reasons_;
  std::vector<std::string> remarks_;
  uint64_t known_bytes_ = 0;
  bool all_known_ = false;
  Bytes next_archive_;
};

// `source` stands at its byte `segments_begin`, where ContainerReader leaves it, and must
// outlive the finder, as must `header`. Goes by the index at the end where the source can
// seek and the index is sound, otherwise from record to record. Where a header is damaged
// it goes on at the place that its sizes name, if a record of the right number is there;
// otherwise it searches for a header that cannot be a part of somebody's data. The sound
// segments that follow such a header without a gap reach up to the end of the file or are
// longer than any payload. (An .occ file within an .occ file has headers, too.) Segments
// that are said to have been before it must be in an index after it, or the bytes between
// have room for their headers. Past a sound file header only an index is trusted, before an
// end record that tells this archive's length. Throws kMemory where a sound index takes more
// than the limit.
std::unique_ptr<SegmentFinder> FindSegments(ByteSource& source, const FileHeader& header,
                                            uint64_t segments_begin, uint64_t memory_bytes);

// The same for a short archive, which `reader` has read from the source.
std::unique_ptr<SegmentFinder> FindShortSegment(ByteSource& source, ContainerReader& reader);

}  // namespace occam

#endif  // OCCAM_CODER_CONTAINER_SEGMENT_FINDER_H_
