// Byte pairs for another program to check: write_bpe words|none VOCABULARY TEXT OTHER prints the
// merges learned from the file TEXT, a line each, then the tokens of OTHER in one line.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "data/base/file.h"
#include "data/tokenizer/bpe_tokenizer.h"
#include "data/tokenizer/bpe_trainer.h"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  using occam::PieceRule;
  const PieceRule rule = std::string(argv[1]) == "words" ? PieceRule::kWords : PieceRule::kNone;
  const occam::BpeTokenizer tokenizer(
      occam::TrainBpe(occam::ReadFile(argv[3]), std::atoi(argv[2]), rule), rule);
  for (const occam::TokenPair& pair : tokenizer.merges())
    std::printf("%d %d\n", pair.left, pair.right);
  for (const int32_t token : tokenizer.Encode(occam::ReadFile(argv[4]))) std::printf("%d ", token);
  std::printf("\n");
}
