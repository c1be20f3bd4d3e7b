// PNM: the grays and colors of Netpbm, as texts (P2, P3) and as bytes (P5, P6).

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/image.h"

namespace occam {
namespace {

class PnmReader {
 public:
  PnmReader(std::span<const uint8_t> file, const std::string& name) : rest_(file), name_(name) {}

  // A decimal number after spaces and comments.
  int64_t Number() {
    SkipSpace();
    if (rest_.empty()) Fail("the file ends early");
    int64_t value = 0;
    if (!IsDigit(rest_[0])) Fail("a number is missing");
    for (; !rest_.empty() && IsDigit(rest_[0]); rest_ = rest_.subspan(1)) {
      value = 10 * value + (rest_[0] - '0');
      if (value > kMaxImagePixels) Fail("a number is too large");
    }
    return value;
  }

  // The one space that stands between the header and bytes.
  void OneSpace() {
    if (rest_.empty() || !IsSpace(rest_[0])) Fail("its header does not end");
    rest_ = rest_.subspan(1);
  }

  int64_t Binary(int bytes) {
    if (rest_.size() < static_cast<size_t>(bytes)) Fail("the file ends early");
    const int64_t value = bytes == 1 ? rest_[0] : rest_[0] * 256 + rest_[1];
    rest_ = rest_.subspan(static_cast<size_t>(bytes));
    return value;
  }

  void ExpectEnd(bool spaces_allowed) {
    if (spaces_allowed) SkipSpace();
    if (!rest_.empty()) Fail(fmt::format("{} bytes follow the image", rest_.size()));
  }

  [[noreturn]] void Fail(const std::string& why) const {
    throw DamagedError(name_ + ": a broken PNM: " + why);
  }

 private:
  static bool IsDigit(uint8_t c) { return c >= '0' && c <= '9'; }
  static bool IsSpace(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

  void SkipSpace() {
    bool comment = false;
    for (; !rest_.empty(); rest_ = rest_.subspan(1)) {
      if (rest_[0] == '#') comment = true;
      if (rest_[0] == '\n') comment = false;
      if (!comment && !IsSpace(rest_[0])) return;
    }
  }

  std::span<const uint8_t> rest_;
  const std::string& name_;
};

}  // namespace

GrayImage DecodePnm(std::span<const uint8_t> file, const std::string& name) {
  const uint8_t kind = file[1];
  if (kind == '1' || kind == '4' || kind == '7') {
    throw UsageError(
        fmt::format("{} is a PNM of kind P{}; only grays and colors (P2, P3, P5, P6) "
                    "are read",
                    name, static_cast<char>(kind)));
  }
  const bool is_binary = kind >= '5';
  const size_t channels = kind == '3' || kind == '6' ? 3 : 1;
  PnmReader reader(file.subspan(2), name);
  const int64_t columns = reader.Number();
  const int64_t rows = reader.Number();
  const int64_t largest = reader.Number();
  if (largest < 1 || largest > 65535) reader.Fail("its largest value is not in 1 to 65535");
  CheckImageSize(rows, columns, name);
  if (is_binary) reader.OneSpace();

  GrayImage image{static_cast<int>(rows), static_cast<int>(columns), {}};
  const auto pixels = static_cast<size_t>(rows * columns);
  // A sample takes a byte of the file at least.
  if (pixels * channels > file.size()) reader.Fail("the file ends early");
  Bytes samples(pixels * channels);
  for (uint8_t& sample : samples) {
    const int64_t value = is_binary ? reader.Binary(largest > 255 ? 2 : 1) : reader.Number();
    if (value > largest) reader.Fail("a sample is above its largest value");
    sample = static_cast<uint8_t>((value * 255 + largest / 2) / largest);
  }
  reader.ExpectEnd(/*spaces_allowed=*/!is_binary);
  if (channels == 1) {
    image.samples = std::move(samples);
  } else {
    image.samples.resize(pixels);
    RgbToGray(samples, image.samples);
  }
  return image;
}

}  // namespace occam
