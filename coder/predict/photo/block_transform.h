// Blocks of eight by eight samples as sums of cosines, as JPEG files hold them (ITU-T T.81, 1992,
// A.3.3).
//
// The inverse is that of the decoders in use, to the bit. These have the factors of Loeffler,
// Ligtenberg and Moschytz, 1989, "Practical fast 1-D DCT algorithms with 11 multiplications", out
// of 8192, and round twice. As sums of products it is two passes of one matrix.
#ifndef OCCAM_CODER_PREDICT_PHOTO_BLOCK_TRANSFORM_H_
#define OCCAM_CODER_PREDICT_PHOTO_BLOCK_TRANSFORM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace occam {

constexpr size_t kBlockSide = 8;
constexpr size_t kBlockSize = kBlockSide * kBlockSide;

// [row][column]: samples, or coefficients by their frequencies down and across.
using Block = std::array<int32_t, kBlockSize>;

// [sample][frequency], out of 8192; the square of a whole column is 8 * 8192^2.
constexpr std::array<std::array<int32_t, kBlockSide>, kBlockSide> kCosines = {{
    {8192, 11363, 10703, 9633, 8192, 6437, 4433, 2260},
    {8192, 9633, 4433, -2259, -8192, -11362, -10704, -6436},
    {8192, 6437, -4433, -11362, -8192, 2261, 10704, 9633},
    {8192, 2260, -10703, -6436, 8192, 9633, -4433, -11363},
    {8192, -2260, -10703, 6436, 8192, -9633, -4433, 11363},
    {8192, -6437, -4433, 11362, -8192, -2261, 10704, -9633},
    {8192, -9633, 4433, 2259, -8192, 11362, -10704, 6436},
    {8192, -11363, 10703, -9633, 8192, -6437, 4433, -2260},
}};

// The order of frequencies in a JPEG file, from low to high along diagonals.
constexpr std::array<uint8_t, kBlockSize> kZigzag = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// Coefficients, each within 2^20, to samples in sixteenths of a step. Half a step is added, so that
// shifting by four rounds them. They are not limited to 0 .. 255.
Block InverseTransform(const Block& coefficients);

// Samples less 128 to coefficients, in sixteenths.
Block ForwardTransform(const Block& samples);

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_BLOCK_TRANSFORM_H_
