#include <jxl/decode.h>
#include <jxl/encode.h>

#include <algorithm>

#include "coder/baselines/classical_codecs.h"
#include "coder/baselines/gray_image.h"
#include "data/base/format.h"

namespace occam {
namespace {

constexpr int kEffort = 9;
constexpr size_t kMostRows = 1u << 18;  // the most of the format's level 5
constexpr size_t kPiece = 1u << 16;
constexpr JxlPixelFormat kGray8 = {1, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0};

void Require(bool good) {
  if (!good) throw CodecFailure("libjxl");
}

bool Good(JxlEncoderStatus status) { return status == JXL_ENC_SUCCESS; }

Bytes TakeOutput(JxlEncoder* encoder) {
  Bytes out;
  Bytes piece(kPiece);
  for (JxlEncoderStatus status = JXL_ENC_NEED_MORE_OUTPUT; status == JXL_ENC_NEED_MORE_OUTPUT;) {
    uint8_t* next = piece.data();
    size_t room = piece.size();
    status = JxlEncoderProcessOutput(encoder, &next, &room);
    Require(status != JXL_ENC_ERROR);
    out.insert(out.end(), piece.data(), next);
  }
  return out;
}

Bytes EncodeJxl(std::span<const uint8_t> pixels, size_t rows, bool container) {
  const std::unique_ptr<JxlEncoder, void (*)(JxlEncoder*)> owner(JxlEncoderCreate(nullptr),
                                                                 &JxlEncoderDestroy);
  JxlEncoder* encoder = owner.get();
  Require(encoder != nullptr && Good(JxlEncoderUseContainer(encoder, container)));
  JxlBasicInfo info;
  JxlEncoderInitBasicInfo(&info);
  info.xsize = kGrayWidth;
  info.ysize = static_cast<uint32_t>(rows);
  info.bits_per_sample = 8;
  info.num_color_channels = 1;
  info.uses_original_profile = JXL_TRUE;  // lossless needs it
  JxlColorEncoding color{};
  JxlColorEncodingSetToSRGB(&color, /*is_gray=*/JXL_TRUE);
  Require(Good(JxlEncoderSetBasicInfo(encoder, &info)) &&
          Good(JxlEncoderSetColorEncoding(encoder, &color)));
  JxlEncoderFrameSettings* settings = JxlEncoderFrameSettingsCreate(encoder, nullptr);
  Require(settings != nullptr && Good(JxlEncoderSetFrameLossless(settings, JXL_TRUE)) &&
          Good(JxlEncoderFrameSettingsSetOption(settings, JXL_ENC_FRAME_SETTING_EFFORT, kEffort)) &&
          Good(JxlEncoderAddImageFrame(settings, &kGray8, pixels.data(), pixels.size())));
  JxlEncoderCloseInput(encoder);
  return TakeOutput(encoder);
}

Bytes DecodeJxl(std::span<const uint8_t> image, size_t rows) {
  const std::unique_ptr<JxlDecoder, void (*)(JxlDecoder*)> owner(JxlDecoderCreate(nullptr),
                                                                 &JxlDecoderDestroy);
  JxlDecoder* decoder = owner.get();
  Require(decoder != nullptr &&
          JxlDecoderSubscribeEvents(decoder, JXL_DEC_BASIC_INFO | JXL_DEC_FULL_IMAGE) ==
              JXL_DEC_SUCCESS);
  Require(JxlDecoderSetInput(decoder, image.data(), image.size()) == JXL_DEC_SUCCESS);
  JxlDecoderCloseInput(decoder);
  Bytes pixels(rows * kGrayWidth);
  for (;;) {
    switch (JxlDecoderProcessInput(decoder)) {
      case JXL_DEC_BASIC_INFO: {
        JxlBasicInfo info;
        Require(JxlDecoderGetBasicInfo(decoder, &info) == JXL_DEC_SUCCESS &&
                info.xsize == kGrayWidth && info.ysize == rows && info.num_color_channels == 1);
        break;
      }
      case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
        Require(JxlDecoderSetImageOutBuffer(decoder, &kGray8, pixels.data(), pixels.size()) ==
                JXL_DEC_SUCCESS);
        break;
      case JXL_DEC_FULL_IMAGE:
        return pixels;
      default:
        throw CodecFailure("libjxl");
    }
  }
}

class Jxl final : public ClassicalCodec {
 public:
  CodecFacts facts() const override {
    const uint32_t version = JxlEncoderVersion();  // decimal: 7001 is 0.7.1
    return {.name = "jxl",
            .maker = fmt::format("libjxl {}.{}.{}", version / 1000000, version / 1000 % 1000,
                                 version % 1000),
            .setting = fmt::format("lossless, effort {}", kEffort),
            .sees = fmt::format("{}, one for each {} rows", kGrayRule, kMostRows),
            .removed =
                "the container's boxes, 40 bytes of an image: the naked codestream is left, "
                "whose own header starts within a byte",
            .missing = ""};
  }

  Bytes Compress(std::span<const uint8_t> original, Form form) const override {
    return EncodeStrips(original, kMostRows, [&](std::span<const uint8_t> pixels, size_t rows) {
      return EncodeJxl(pixels, rows, form == Form::kFile);
    });
  }

  Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                   Form) const override {
    return DecodeStrips(compressed, original_bytes, kMostRows, &DecodeJxl);
  }
};

}  // namespace

std::unique_ptr<ClassicalCodec> JxlCodec() { return std::make_unique<Jxl>(); }

}  // namespace occam
