// A predictor as a generator: a codec's model that reads a prompt and goes on by drawing. It is
// decoding, with a random number in place of the file.
#ifndef OCCAM_CODER_PREDICT_CONTINUATION_H_
#define OCCAM_CODER_PREDICT_CONTINUATION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "coder/predict/codec_model.h"
#include "coder/predict/symbol_sampler.h"
#include "data/base/file.h"

namespace occam {

// One text: contexts are carried, from the prompt on without end. Not thread-safe; the model must
// outlive it.
class Continuation {
 public:
  // The model's predictor must be a TablePredictor: kUsage.
  explicit Continuation(const CodecModel& model);

  // Reads on, any number of bytes; a tokenizer cuts each call's bytes into symbols by themselves.
  // Returns the bits that these symbols would be coded in. `go_on`, which may be null, is asked
  // before each 16,384 symbols, with the bytes read and their bits so far; false ends it early.
  using GoOnFn = std::function<bool(uint64_t bytes, double bits)>;
  double Feed(std::span<const uint8_t> bytes, const GoOnFn& go_on = nullptr);

  // The frequencies [vocabulary] of the next symbol, 0 for those that stand for no bytes; they sum
  // to kFrequencyTotal. Valid until the next call.
  std::span<const uint32_t> Frequencies();

  // Draws the next symbol and reads it. Returns its bytes, at least one. A bit that the tokenizer
  // takes from bytes is 0.
  Bytes Next(SymbolSampler* sampler);

  const Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  void Read(int32_t symbol);
  std::span<const uint32_t> CodedFrequencies();

  std::unique_ptr<Predictor> model_;
  TablePredictor* tables_;
  std::unique_ptr<Tokenizer> tokenizer_;
  int32_t previous_ = 0;
  std::vector<int32_t> silent_;        // symbols that stand for no bytes
  std::vector<uint32_t> frequencies_;  // that the model codes with
  std::vector<uint32_t> heard_;        // the same without silent symbols, where there are any
  bool stepped_ = false;               // a context that was stepped is not scored any more
  bool known_ = false;                 // frequencies_ are those of the next symbol
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_CONTINUATION_H_
