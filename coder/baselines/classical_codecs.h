// All codecs that we compare with. Their libraries are many, so they are a library of their own,
// which the compressor does not load.
#ifndef OCCAM_CODER_BASELINES_BASELINES_CODECS_H_
#define OCCAM_CODER_BASELINES_BASELINES_CODECS_H_

#include <memory>
#include <vector>

#include "coder/baselines/baselines.h"

namespace occam {

std::unique_ptr<ClassicalCodec> Bzip2Codec();
std::unique_ptr<ClassicalCodec> ZstdCodec();
std::unique_ptr<ClassicalCodec> BrotliCodec();
std::unique_ptr<ClassicalCodec> PngCodec();
std::unique_ptr<ClassicalCodec> WebpCodec();
std::unique_ptr<ClassicalCodec> JxlCodec();
std::unique_ptr<ClassicalCodec> FlacCodec();
std::unique_ptr<ClassicalCodec> PpmdCodec();  // runs 7z
std::unique_ptr<ClassicalCodec> ZpaqCodec();  // runs zpaq

// All codecs, in the order in which tables show them. Those that this build or machine lacks say so
// in `missing`.
std::vector<std::unique_ptr<ClassicalCodec>> ClassicalCodecs();

}  // namespace occam

#endif  // OCCAM_CODER_BASELINES_BASELINES_CODECS_H_
