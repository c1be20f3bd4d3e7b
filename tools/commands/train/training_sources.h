// The sources that --data names: one corpus, or several sources with names and weights.
#ifndef OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_SOURCES_H_
#define OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_SOURCES_H_

#include <cxxopts.hpp>
#include <memory>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "data/tokenizer/tokenizer.h"
#include "data/training_source.h"

namespace occam {

// An argument of --data: "WHERE", or "NAME=WHERE" and "NAME=WHERE:WEIGHT"; the weight is 1 where
// none is given. A name is letters, digits, - and _, a letter first. Where a file of the very text
// exists, it is WHERE. Throws kUsage (a weight that is not positive), kIo.
TrainingSource ParseSource(const std::string& text);

// Returns the files of all --data of the command line, and the model of --init. Throws as
// ParseSource and CorpusFiles.
std::vector<std::string> FilesRead(const cxxopts::ParseResult& args);

// Sources without tokens, and the corpus of each.
struct LoadedSources {
  std::vector<TrainingSource> sources;
  std::vector<Corpus> corpora;
};

// All --data of the command line, with the parts of --train-bytes and --val-bytes for what is no
// prepared set; of a resumed run with the parts that it `began` with (else null). A single set
// without a name has its kind for one. Throws kUsage (none; several without names; a name twice;
// parts that cannot be; other sources than a resumed run's), and as LoadCorpus.
LoadedSources LoadSources(const cxxopts::ParseResult& args,
                          const std::vector<TrainingSource>* began);

// Makes what --tokenizer asks for, learned from the training part where it has to be. Throws
// kUsage, also where byte pairs are asked for of several sources or of records, which tokens would
// not keep apart.
std::unique_ptr<Tokenizer> LearnTokenizer(const cxxopts::ParseResult& args,
                                          const LoadedSources& loaded);

// The sources with their tokens; each corpus is given up as soon as it has been read.
std::vector<TrainingSource> Tokenised(const Tokenizer& tokenizer, LoadedSources loaded);

// Bytes that a symbol of the training parts stands for, of all tokenised sources by their shares;
// at least 1.
double BytesPerSymbol(const std::vector<TrainingSource>& sources);

// "--data A --data B", to be typed again.
std::string DataArguments(const cxxopts::ParseResult& args);

// A line or more for people: what is trained and validated on.
std::string DescribeSources(const std::vector<TrainingSource>& sources);
// A line about the symbols, where they are no bytes.
std::string DescribeTokens(const Tokenizer& tokenizer, const std::vector<TrainingSource>& sources);

}  // namespace occam

#endif  // OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_SOURCES_H_
