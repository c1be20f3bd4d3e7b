// Small models, and archives of odd layouts, for fuzz targets and their corpus.
#ifndef OCCAM_TESTS_FUZZ_MODELS_H_
#define OCCAM_TESTS_FUZZ_MODELS_H_

#include <cstdint>
#include <span>

#include "coder/container/container_format.h"
#include "coder/predict/loaded_model.h"
#include "data/base/file.h"
#include "model/config.h"

namespace occam::fuzz {

constexpr int kModels = 5;

// Models of bytes (0 and 3, contexts of 8 and 16), of byte pairs (1) and of seven bits (2). Made at
// the first call; not thread-safe.
const LoadedModel& Model(int which);

// The model that a byte of an input chooses.
inline int WhichModel(uint8_t how) { return (how & 131) == 131 ? 4 : how & 3; }

// Returns whether a network of this shape is made and run in a moment. Larger ones are no fault,
// but a fuzzer gets nowhere with them.
bool IsSmall(const ModelConfig& config);
// The same of the shape that a model, flat or coded, begins with; true where it has none.
bool IsSmallModel(std::span<const uint8_t> bytes);

// A layout of this mode, with lanes of `chunks` contexts, for a model.
FileHeader Layout(const CodecModel& model, ContextMode mode, uint32_t lanes, uint32_t chunks);

// The whole archive. Throws what SegmentCodec does.
Bytes ArchiveOf(std::span<const uint8_t> original, const FileHeader& header,
                const CodecModel& model, std::span<const uint8_t> embedded = {});

}  // namespace occam::fuzz

#endif  // OCCAM_TESTS_FUZZ_MODELS_H_
