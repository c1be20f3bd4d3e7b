// How fast byte pairs are learned and made, in processor time of one thread, and how many bytes a
// token has.
//   tokenizer_benchmark TEXT

#include <cstdio>

#include "data/base/format.h"
#include "data/tokenizer/bpe_tokenizer.h"
#include "data/tokenizer/bpe_trainer.h"
#include "tests/benchmark/thread_seconds.h"

namespace occam {
namespace {

void Measure(const Bytes& text, int32_t vocabulary, PieceRule rule) {
  const double start = ThreadSeconds();
  const BpeTokenizer tokenizer(TrainBpe(text, vocabulary, rule), rule);
  const double learned = ThreadSeconds();
  const auto tokens = tokenizer.Encode(text);
  const double encoded = ThreadSeconds();
  const bool same = tokenizer.Decode(tokens) == text;
  const double decoded = ThreadSeconds();
  const auto size = static_cast<double>(text.size());
  fmt::print("{:<18} {:>8.1f} s {:>8.1f} MB/s {:>8.1f} MB/s {:>8.3f} {:>8} bytes{}\n",
             tokenizer.name(), learned - start, size / 1e6 / (encoded - learned),
             size / 1e6 / (decoded - encoded), size / static_cast<double>(tokens.size()),
             tokenizer.Serialise().size(), same ? "" : "  NOT RESTORED");
  std::fflush(stdout);
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: tokenizer_benchmark TEXT\n", stderr);
    return 2;
  }
  using occam::PieceRule;
  const occam::Bytes text = occam::ReadFile(argv[1]);
  occam::fmt::print("{:<18} {:>10} {:>13} {:>13} {:>8} {:>14}\n", "", "learned in", "encoded",
                    "decoded", "bytes/t.", "serialised");
  for (const PieceRule rule : {PieceRule::kWords, PieceRule::kNone}) {
    for (const int32_t vocabulary : {512, 4096, 20000}) occam::Measure(text, vocabulary, rule);
  }
}
