// A predictor as a generator: a codec's model that reads a prompt and goes on by drawing. It is
// decoding, with a random number in place of the file.
#ifndef OCCAM_CODER_PREDICT_CONTINUATION_H_
#define OCCAM_CODER_PREDICT_CONTINUATION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "coder/predict/stream_model.h"
#include "coder/predict/symbol_sampler.h"
#include "data/base/file.h"

namespace occam {

// One text: contexts are carried, from the prompt on without end. Not thread-safe; the model must
// outlive it.
class Continuation {
 public:
  // The model's predictor must be a TableModel: kUsage.
  explicit Continuation(const StreamModel& model);

  // Reads what is to be continued, which may be empty, of any length; once, before Next. Returns
  // the bits that its symbols would be coded in. Ends early when `stop`, which may be null, becomes
  // true.
  double Begin(std::span<const uint8_t> prompt, const std::atomic<bool>* stop = nullptr);

  // Draws the next symbol; its bytes, at least one. A bit that the tokenizer takes from bytes is 0.
  Bytes Next(SymbolSampler* sampler);

 private:
  std::unique_ptr<SymbolModel> model_;
  TableModel* tables_;
  std::unique_ptr<Tokenizer> tokenizer_;
  int32_t previous_ = 0;
  std::vector<uint32_t> frequencies_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_CONTINUATION_H_
