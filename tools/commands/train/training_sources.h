// What --data names: one corpus, or several sources with names and weights.
#ifndef OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_SOURCES_H_
#define OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_SOURCES_H_

#include <cxxopts.hpp>
#include <memory>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "data/tokenizer/tokenizer.h"
#include "model/checkpoint/checkpoint.h"
#include "train/training_data.h"

namespace occam {

// An argument of --data.
struct SourceArgument {
  std::string name;  // empty: a single plain corpus or set
  std::string where;
  double weight = 1;
};

// "WHERE", or "NAME=WHERE" and "NAME=WHERE:WEIGHT"; the weight is 1 where none is given. A name is
// letters, digits, - and _, a letter first. Where a file of the very text exists, it is WHERE.
// Throws kUsage (a weight that is not positive), kIo.
SourceArgument ParseSource(const std::string& text);

// Loaded and parted; without tokens until Tokenise.
struct LoadedSource {
  SourceArgument argument;
  Corpus corpus;
  Split split;
  std::vector<int32_t> train_tokens;
  std::vector<int32_t> validation_tokens;
};

// All --data of the command line, with the parts of --train-bytes and --val-bytes for what is no
// prepared set; of a resumed run (`resumed`, else null) with the parts that it began with. A
// single set without a name has its kind for one. Throws kUsage (none; several without names; a
// name twice; parts that cannot be; other sources than a resumed run's), and as LoadCorpus.
std::vector<LoadedSource> LoadSources(const cxxopts::ParseResult& args, const Provenance* resumed);

// What --tokenizer asks for, learned from the training part where it has to be. Throws kUsage, also
// where byte pairs are asked for of several sources or of records, which tokens would not keep
// apart.
std::unique_ptr<Tokenizer> LearnTokenizer(const cxxopts::ParseResult& args,
                                          const std::vector<LoadedSource>& sources);

void Tokenise(const Tokenizer& tokenizer, std::vector<LoadedSource>* sources);

// Bytes that a symbol of the training parts stands for, of all tokenised sources by their shares;
// at least 1.
double BytesPerSymbol(const std::vector<LoadedSource>& sources);

// Views of the tokenised sources, which must outlive it.
TrainingData DataOf(const std::vector<LoadedSource>& sources, const Tokenizer& tokenizer);

// Fills in what a checkpoint tells of the data: of a plain corpus its parts and the digest of the
// training part; of a mixture its sources.
void DescribeData(const std::vector<LoadedSource>& sources, Provenance* provenance);

// "--data A --data B", to be typed again.
std::string DataArguments(const cxxopts::ParseResult& args);

// A line or more for people: what is trained and validated on.
std::string DescribeSources(const std::vector<LoadedSource>& sources);
// A line about the symbols, where they are no bytes.
std::string DescribeTokens(const Tokenizer& tokenizer, const std::vector<LoadedSource>& sources);

}  // namespace occam

#endif  // OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_SOURCES_H_
