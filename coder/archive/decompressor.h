// Turns an .occ file back into the original bytes, or throws: it never gives other bytes. A file of
// several archives gives their original bytes one after the other.
#ifndef OCCAM_CODER_ARCHIVE_DECOMPRESSOR_H_
#define OCCAM_CODER_ARCHIVE_DECOMPRESSOR_H_

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "coder/archive/codec_options.h"
#include "coder/archive/container_stats.h"
#include "coder/container/container_format.h"
#include "coder/predict/codec_model.h"
#include "coder/weights/model_codec.h"
#include "data/base/file.h"

namespace occam {

// Finds the model that a file asks for (FileHeader::model_id); may return null. `embedded` is the
// model that the file itself holds, as it was written and in need of every check; empty where it
// holds none. What is thrown here comes out.
using ModelFinder =
    std::function<const CodecModel*(const FileHeader&, std::span<const uint8_t> embedded)>;

// Decompresses all of the source within options.memory_bytes, which are counted before anything is
// allocated (kMemory where more is needed; the model that is found must keep to what it was given
// itself); the caller commits the sink. Segments reach the sink in order,
// each only after it was found to be right, so that a pipe gets verified bytes alone. Throws
// kDamaged (damaged, foreign, or another model's: the message names both), kUsage (a model is
// needed and none is given), kIo.
ContainerStats Decompress(ByteSource& source, ByteSink& sink, const ModelFinder& find_model,
                          const CodecOptions& options);
// Does the same with the given model, whatever the file holds.
ContainerStats Decompress(ByteSource& source, ByteSink& sink, const CodecModel* model,
                          const CodecOptions& options);

// Drops what it is given: decompressing into it is a test.
std::unique_ptr<ByteSink> NullSink();

struct FileInfo {
  FileHeader header;
  Bytes model;  // embedded, as it was written; empty: none
  std::vector<SegmentHeader> segments;
  ContainerStats totals;
};

// Calls take() with what each archive of an .occ file says of itself. Reads all of the file and
// checks all but the decoding, as Decompress does; needs no model. Throws kMemory where the model
// of an archive or its index takes more than the limit.
using TakeFileInfoFn = std::function<void(const FileInfo&)>;
void ReadFileInfos(ByteSource& source, const TakeFileInfoFn& take,
                   uint64_t memory_bytes = kDefaultMemoryBytes);
// Returns the same of a file of one archive; kUsage where there are several.
FileInfo ReadFileInfo(ByteSource& source, uint64_t memory_bytes = kDefaultMemoryBytes);

// The costs of restoring a file.
struct RestoringCosts {
  uint64_t memory_bytes = 0;  // at least, by one thread, the model included
  uint64_t multiplications = 0;
};
// Returns them by what the file says of itself and, where it needs a model, by what that says.
RestoringCosts CostsOfRestoring(const FileInfo& info, const ModelHead* model);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_DECOMPRESSOR_H_
