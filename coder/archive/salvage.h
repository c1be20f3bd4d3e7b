// Restores what is sound of a damaged .occ file.
#ifndef OCCAM_CODER_ARCHIVE_SALVAGE_H_
#define OCCAM_CODER_ARCHIVE_SALVAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coder/archive/codec_options.h"
#include "coder/archive/container_stats.h"
#include "coder/archive/decompressor.h"
#include "data/base/file.h"

namespace occam {

// Bytes [begin, end) of the original that could not be restored.
struct MissingRange {
  uint64_t begin = 0;
  std::optional<uint64_t> end;  // none: nobody knows how much followed `begin`
  std::string why;
};

struct SalvageReport {
  ContainerStats stats;               // original_bytes: of all that was written, zeros included
  std::vector<MissingRange> missing;  // rising
  std::vector<std::string> remarks;   // damage that cost nothing
  bool sound() const { return missing.empty() && remarks.empty(); }
};

// Decompresses what is sound of the source; the caller commits the sink, which gets the original
// with zeros in place of all missing bytes whose number is known. Nothing else is ever written in
// their place: every byte written otherwise has passed its segment's hash. Damage costs the
// segments that it lies in. Nothing can be read without file header and embedded model. Where
// these are damaged, or a model is wrong or missing, throws as Decompress does. Throws kIo
// always.
//
// Archives that stand one after the other are told apart by their end records. Where one of these is
// damaged, or the source cannot seek, each archive's own end is looked for. Where it is not found the
// archives after it are lost. Of an archive after the first a damaged header costs that alone.
SalvageReport DecompressKeepGoing(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                                  const CodecOptions& options);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_SALVAGE_H_
