// Rows of numbers, one a pixel, with neighbours beyond their ends.
#ifndef OCCAM_CODER_PREDICT_PHOTO_PADDED_ROWS_H_
#define OCCAM_CODER_PREDICT_PHOTO_PADDED_ROWS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace occam {

// Pixels to the left and right that may be asked for, and rows above.
constexpr size_t kPad = 4;
constexpr size_t kRowsAbove = 3;

// The rule for what lies outside:
//   - above the first row everything is `outside`;
//   - beyond the ends of a row is its outermost number;
//   - to the left of a row that has begun and not ended is the first number of the row above.
// Only the last `kept` rows are held where that is not 0.
template <typename T>
class PaddedRows {
 public:
  PaddedRows(size_t width, size_t rows, T outside, size_t kept = 0)
      : width_(width),
        stride_(width + 2 * kPad),
        kept_(kept == 0 ? rows + kRowsAbove : kept),
        numbers_(stride_ * kept_, outside) {}

  // Row y begins with `above` rows before it: y - above; above is at most y + kRowsAbove.
  T* Row(size_t y, size_t above = 0) {
    return &numbers_[(y + kRowsAbove - above) % kept_ * stride_ + kPad];
  }
  const T* Row(size_t y, size_t above = 0) const {
    return &numbers_[(y + kRowsAbove - above) % kept_ * stride_ + kPad];
  }
  void Begin(size_t y) { std::fill_n(Row(y) - kPad, kPad, Row(y, 1)[0]); }
  void End(size_t y) {
    T* const row = Row(y);
    std::fill_n(row - kPad, kPad, row[0]);
    std::fill_n(row + width_, kPad, row[width_ - 1]);
  }

 private:
  size_t width_;
  size_t stride_;
  size_t kept_;
  std::vector<T> numbers_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_PADDED_ROWS_H_
