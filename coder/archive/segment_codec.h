// One segment between its original bytes and its coded payload.
#ifndef OCCAM_CODER_ARCHIVE_SEGMENT_CODEC_H_
#define OCCAM_CODER_ARCHIVE_SEGMENT_CODEC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "coder/archive/coded_symbols.h"
#include "coder/archive/sound_segment.h"
#include "coder/container/container_format.h"
#include "coder/predict/codec_model.h"
#include "coder/predict/order2_predictor.h"
#include "coder/predict/photo/photo_layout.h"
#include "coder/predict/predictor.h"
#include "data/base/file.h"

namespace occam {

struct EncodedSegment {
  SegmentHeader header;  // but for the number
  Bytes payload;
  size_t lost_bit_bytes = 0;  // of the payload: what the bits take that a tokenizer loses
};

// The share of kFrequencyTotal that a predictor gave a symbol, the bytes it stands for, and who
// decided it.
struct SymbolFrequency {
  uint32_t frequency = 0;
  uint32_t bytes = 1;
  Decider decider = Decider::kNetwork;
};

// Takes the number of original bytes done since the last call.
using CountFn = std::function<void(uint32_t bytes)>;

// Holds the predictors from segment to segment. It serves one thread at a time. What it gives
// depends on nothing but its arguments.
class SegmentCodec {
 public:
  // `model` may be null; otherwise it must outlive the codec, and so must the dictionary that the
  // header tells: empty where there is none.
  SegmentCodec(const FileHeader& file, const CodecModel* model,
               std::span<const uint8_t> dictionary = {})
      : file_(file), model_(model), dictionary_(dictionary) {}

  // Codes by whichever method takes the fewest bytes, the first of equals in the order of
  // CodingMethod. The model is not tried on bytes that look packed and are so in a sample. In mode
  // adaptive a sample tells which one is tried: the model, or the expert alone. Where a sample says
  // so, bytes are coded as sound, and by the others only if strings come again.
  // `threads` is what a predictor may use. `original` is not empty. In mode adaptive `photo`, where
  // there is one, tells where rows of pixels may lie; a sample tells whether they do.
  EncodedSegment Encode(std::span<const uint8_t> original, int threads, const CountFn& count,
                        const std::optional<PhotoLayout>& photo = std::nullopt);

  // Returns whether a sample of rows takes fewer bytes as pixels than by the expert and the model.
  bool IsPhoto(std::span<const uint8_t> original, const PhotoLayout& photo, int threads);

  // Returns how many bytes the method alone takes, even where they are more than the original and
  // no file would hold them. It shows what a model makes of foreign data. They are restored and
  // compared; a difference is kInternal.
  size_t PayloadBytes(CodingMethod method, std::span<const uint8_t> original, int threads,
                      const CountFn& count);

  // Returns what the model predicts of each symbol of a segment, as it would be coded by the model.
  std::vector<SymbolFrequency> ModelFrequencies(std::span<const uint8_t> original, int threads,
                                                const CountFn& count);

  // Throws kDamaged unless the payload is one that Encode gives for bytes of this hash; `name` is
  // for the message.
  Bytes Decode(const SegmentHeader& header, std::span<const uint8_t> payload, int threads,
               const CountFn& count, const std::string& name);

 private:
  bool has_kinds() const { return model_ != nullptr && model_->kinds > 1; }
  // Finds by a sample the kind of contexts by which the model makes least of a segment.
  void ChooseKind(std::span<const uint8_t> original);
  Predictor& PredictorFor(CodingMethod method, int threads);
  // The same, started for a segment of so many symbols, and taught the dictionary.
  Predictor& Started(CodingMethod method, size_t lanes, uint64_t symbols, int threads,
                     const CountFn& count);
  // Returns null where symbols are bytes.
  const Tokenizer* TokenizerOf(CodingMethod method);
  bool Order2IsWorthTrying(std::span<const uint8_t> original, int threads);
  bool ModelIsWorthTrying(std::span<const uint8_t> original, const CodedSymbols& symbols,
                          size_t least_bytes, int threads);

  // Does what Encode does, but as sound.
  EncodedSegment EncodeAsBytes(std::span<const uint8_t> original, int threads, const CountFn& count,
                               const std::optional<PhotoLayout>& photo);
  // Returns the predictor of the bytes around samples: the expert in mode adaptive, or order 2.
  Predictor& AroundSound(int threads);
  // Returns the geometry of sound where coding it so makes less of a sample than other methods do.
  std::optional<SoundGeometry> PromisingSound(std::span<const uint8_t> original, int threads);
  CodingMethod AdaptiveMethod(std::span<const uint8_t> original,
                              const std::optional<PhotoLayout>& photo, int threads);
  CodingMethod MethodAfterDictionary(std::span<const uint8_t> original, int threads);
  // Frees what other methods hold: there is memory for one of them.
  void MakeRoom();
  // Returns how many bytes a sample takes, as so many lanes of equal length.
  size_t SampledBytes(CodingMethod method, std::span<const int32_t> sample, uint32_t pieces,
                      int threads);

  struct Payload {
    Bytes bytes;
    size_t lost_bit_bytes = 0;
  };
  // Returns nothing where it has more than `most_bytes`.
  std::optional<Payload> EncodePayload(CodingMethod method, const CodedSymbols& symbols,
                                       uint32_t original_bytes, size_t most_bytes, int threads,
                                       const CountFn& count);
  // Returns nothing where no encoder writes this payload for so many bytes.
  std::optional<Bytes> DecodePayload(CodingMethod method, std::span<const uint8_t> payload,
                                     uint32_t symbol_count, uint32_t original_bytes, int threads,
                                     const CountFn& count);

  FileHeader file_;
  const CodecModel* model_;
  std::span<const uint8_t> dictionary_;
  std::unique_ptr<Predictor> network_;
  int network_threads_ = 0;
  int kind_ = 0;  // of the segment's contexts
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<Order2Predictor> order2_;
  std::unique_ptr<Predictor> expert_;
};

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_SEGMENT_CODEC_H_
