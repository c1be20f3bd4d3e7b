// A part of what an .occ file holds, for the price of the segments that it lies in.
#ifndef OCCAM_CODER_ARCHIVE_DECOMPRESS_RANGE_H_
#define OCCAM_CODER_ARCHIVE_DECOMPRESS_RANGE_H_

#include <cstdint>
#include <optional>

#include "coder/archive/codec_options.h"
#include "coder/archive/container_stats.h"
#include "coder/archive/decompressor.h"
#include "data/base/file.h"

namespace occam {

struct OriginalRange {
  uint64_t offset = 0;
  std::optional<uint64_t> length;  // none: to the end
};

// Decompresses the range of original bytes; the caller commits the sink. A source that can seek is
// entered by the indexes of its archives, and only the payloads of the range are read. Any other is
// read from its start to the end of the archive in which the range ends. What is read is checked as
// in Decompress: the headers of all segments of an archive must be its own, as its chain tells. The
// stats tell of the segments decoded, their original_bytes of the range.
//
// Throws kUsage, with the length of the original, for a range that is not within it (where the
// source cannot seek that is known only at its end, when the part within was written), and what
// Decompress throws.
ContainerStats DecompressRange(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                               const OriginalRange& range, const CodecOptions& options);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_DECOMPRESS_RANGE_H_
