// Makes an .occ file of any bytes.
#ifndef OCCAM_CODER_ARCHIVE_COMPRESSOR_H_
#define OCCAM_CODER_ARCHIVE_COMPRESSOR_H_

#include <cstdint>
#include <span>

#include "coder/archive/codec_options.h"
#include "coder/archive/container_stats.h"
#include "coder/predict/codec_model.h"
#include "data/base/file.h"

namespace occam {

// Compresses all of the source, each segment by the method that takes the fewest bytes; without a
// model (null) stored or order 2. A photograph (coder/predict/photo/photo_header.h) becomes a file
// of mode adaptive without the model, unless that is to be in the file, or a sample advises against
// it. The caller commits the sink. The result is a function of the bytes, the model, its embedded
// form, the mode and options.photo alone. Takes memory for two segments a thread. Throws kIo, and
// what HeaderFor of model_header.h does.
ContainerStats Compress(ByteSource& source, ByteSink& sink, const CodecModel* model,
                        const CodecOptions& options);

// The payload bytes of all segments if every one were coded by the model, which files hold only
// where no other method takes fewer. Each is restored and compared. Throws kUsage, kInternal.
uint64_t ModelPayloadBytes(std::span<const uint8_t> original, const CodecModel& model,
                           const CodecOptions& options);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_COMPRESSOR_H_
