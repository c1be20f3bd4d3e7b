// Reading files that may be compressed, whatever their names say.
#ifndef OCCAM_DATA_ARCHIVE_H_
#define OCCAM_DATA_ARCHIVE_H_

#include <memory>
#include <string>

#include "data/base/file.h"

namespace occam {

// The plain bytes of a source. What starts with the magic number of gzip, xz or zstd is unpacked
// (through zlib, liblzma, libzstd; any number of members, streams or frames one after the other),
// everything else is handed on as it is. Takes at most about 1 GiB of memory; an archive that asks
// for more is kUsage, and so is what bzip2 packed, which is not unpacked. A truncated or damaged one is kDamaged, at the latest when its end is read.
std::unique_ptr<ByteSource> Unpacked(std::unique_ptr<ByteSource> source);

}  // namespace occam

#endif  // OCCAM_DATA_ARCHIVE_H_
