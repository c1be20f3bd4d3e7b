// Turns segments into original bytes, as many at a time as there are threads: what all ways of
// decompressing share.
#ifndef OCCAM_CODER_ARCHIVE_SEGMENT_DECODER_H_
#define OCCAM_CODER_ARCHIVE_SEGMENT_DECODER_H_

#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string>

#include "coder/archive/codec_options.h"
#include "coder/archive/decompressor.h"
#include "coder/container/container_format.h"
#include "coder/container/container_reader.h"
#include "coder/predict/codec_model.h"

namespace occam {

// The model that a file asks for, null where it needs none. Throws kUsage where none is found,
// kDamaged where another one is; `name` is the file's.
const CodecModel* ModelFor(const ContainerReader& reader, const ModelFinder& find_model,
                           const std::string& name);

// Gives the next segment to decode; false when there are no more.
using NextSegmentFn = std::function<bool(SegmentRecord*)>;
// Takes a segment's original bytes, or why there are none.
using TakeSegmentFn = std::function<void(const SegmentRecord&, std::span<const uint8_t> original,
                                         const std::exception_ptr& failure)>;

// Decodes what `next` gives, within options.memory_bytes beside the file's own model of
// `embedded_bytes`: kMemory where that is not enough. `take` gets it in the same order. When `next`
// throws, what came before is decoded and taken, then the exception goes on. Calls both from the
// calling thread alone.
void DecodeSegments(const FileHeader& header, const CodecModel* model, const std::string& name,
                    const CodecOptions& options, uint64_t embedded_bytes, const NextSegmentFn& next,
                    const TakeSegmentFn& take);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_SEGMENT_DECODER_H_
