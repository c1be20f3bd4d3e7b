#include "data/image.h"

#include <algorithm>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

bool StartsWith(std::span<const uint8_t> file, std::initializer_list<uint8_t> magic) {
  return file.size() >= magic.size() && std::equal(magic.begin(), magic.end(), file.begin());
}

}  // namespace

void CheckImageSize(int64_t rows, int64_t columns, const std::string& name) {
  if (rows < 1 || columns < 1) throw DamagedError(name + " is an image without pixels");
  if (rows > kMaxImagePixels / columns) {
    throw UsageError(
        fmt::format("{} has {} x {} pixels, more than the {} that are read; scale it "
                    "down or cut it",
                    name, columns, rows, kMaxImagePixels));
  }
}

GrayImage DecodeImage(std::span<const uint8_t> file, const std::string& name) {
  if (file.empty()) throw DamagedError(name + " is empty, so it is no image");
  if (StartsWith(file, {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'})) return DecodePng(file, name);
  if (StartsWith(file, {0xff, 0xd8, 0xff})) return DecodeJpeg(file, name);
  if (file.size() > 2 && file[0] == 'P' && file[1] >= '1' && file[1] <= '7') {
    return DecodePnm(file, name);
  }
  throw DamagedError(name + " is no PNG, JPEG or PNM image");
}

}  // namespace occam
