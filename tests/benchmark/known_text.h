// A network with random weights predicts nothing, and the coder would choose another method. So
// that it is measured all the same, its predictions are computed and then replaced by tables that
// expect a text known beforehand.
#ifndef OCCAM_TESTS_BENCHMARK_KNOWN_TEXT_H_
#define OCCAM_TESTS_BENCHMARK_KNOWN_TEXT_H_

#include <cstddef>

#include "coder/predict/codec_model.h"
#include "data/base/file.h"
#include "model/exact/network.h"

namespace occam {

// `bytes` bytes that look random to an order-2 model, and that KnownTextModel expects in files of
// this mode.
Bytes KnownText(size_t bytes, uint32_t context, ContextMode mode);

// Does all the work of the network, which must outlive it, and then some. A table of 256
// frequencies a byte is written once more when decoding.
CodecModel KnownTextModel(const ExactNetwork& network);

}  // namespace occam

#endif  // OCCAM_TESTS_BENCHMARK_KNOWN_TEXT_H_
