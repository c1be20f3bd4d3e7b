#include "tools/commands/train/training_sources.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "coder/weights/tokenizer_codec.h"
#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/units.h"
#include "data/file_list.h"
#include "tools/command.h"
#include "tools/commands/train/tokenizer_option.h"
#include "tools/commands/train/train_options.h"

namespace occam {
namespace {

bool IsName(const std::string& text) {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  return !text.empty() && letter(text[0]) && std::ranges::all_of(text, [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::optional<double> Number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (text.empty() || result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

// In the order in which they were given.
std::vector<std::string> DataTexts(const cxxopts::ParseResult& args) {
  std::vector<std::string> texts;
  for (const auto& argument : args.arguments()) {
    if (argument.key() == "data") texts.push_back(argument.value());
  }
  return texts;
}

std::vector<TrainingSource> SourcesAsked(const cxxopts::ParseResult& args) {
  const std::vector<std::string> texts = DataTexts(args);
  if (texts.empty()) throw UsageError("train needs --data; see train --help");
  std::vector<TrainingSource> sources;
  std::set<std::string> names;
  for (const std::string& text : texts) {
    sources.push_back(ParseSource(text));
    const std::string& name = sources.back().name;
    if (name.empty() && texts.size() > 1)
      throw UsageError("several --data need names: --data NAME=FILE:WEIGHT");
    if (!names.insert(name).second) throw UsageError("two sources are called " + name);
  }
  return sources;
}

// Of a resumed run, the parts of a plain corpus are the very bytes it began with, and so is the
// validation part unless another is asked for.
Split PartsBegun(const Corpus& corpus, const TrainingSource& began,
                 const std::string& asked_validation) {
  const auto size_bytes = static_cast<int64_t>(corpus.bytes.size());
  if (began.train.end > size_bytes || began.validation.end > size_bytes) {
    throw UsageError(fmt::format(
        "{} has {} bytes, where the run began with at least {}: give the data it began with",
        corpus.name, size_bytes, std::max(began.train.end, began.validation.end)));
  }
  std::string validation = asked_validation;
  if (validation.empty() && began.validation.end > 0)
    validation = fmt::format("{}:{}", began.validation.begin, began.validation.end);
  return MakeSplit(size_bytes, fmt::format("{}:{}", began.train.begin, began.train.end),
                   validation);
}

const TrainingSource& SourceOf(const std::vector<TrainingSource>& began, const std::string& name) {
  const auto found = std::ranges::find(began, name, &TrainingSource::name);
  if (found != began.end()) return *found;
  throw UsageError("the run that is resumed has no source " + name +
                   "; give the data it began with");
}

Split PartsOf(const TrainingSource& source, const Corpus& corpus,
              const std::vector<TrainingSource>* began, const std::string& train,
              const std::string& validation) {
  if (!corpus.set && began != nullptr)
    return PartsBegun(corpus, SourceOf(*began, source.name), validation);
  return WithHint("--train-bytes and --val-bytes choose the parts",
                  [&] { return SplitOf(corpus, train, validation); });
}

void CheckResumed(const std::vector<TrainingSource>& sources,
                  const std::vector<TrainingSource>& began) {
  const auto named = [](const std::vector<TrainingSource>& all) {
    return IsMixture(all) ? all.size() : 0;
  };
  if (named(began) == named(sources)) return;
  throw UsageError(fmt::format(
      "the run that is resumed has {} named sources, now there are {}; give the data it began with",
      named(began), named(sources)));
}

}  // namespace

TrainingSource ParseSource(const std::string& text) {
  TrainingSource source;
  const size_t equals = text.find('=');
  if (equals == text.npos || !IsName(text.substr(0, equals)) || FileExists(text)) {
    source.data_name = text;
    return source;
  }
  source.name = text.substr(0, equals);
  source.data_name = text.substr(equals + 1);
  const size_t colon = source.data_name.rfind(':');
  if (colon != source.data_name.npos && !FileExists(source.data_name)) {
    if (const auto weight = Number(source.data_name.substr(colon + 1))) {
      source.share = *weight;
      source.data_name.resize(colon);
    }
  }
  if (!(source.share > 0)) {
    throw UsageError(
        fmt::format("the weight of {} is more than 0, not {}", source.name, source.share));
  }
  return source;
}

std::vector<std::string> FilesRead(const cxxopts::ParseResult& args) {
  std::vector<std::string> files;
  for (const TrainingSource& source : SourcesAsked(args)) {
    const std::vector<std::string> read = CorpusFiles(source.data_name);
    files.insert(files.end(), read.begin(), read.end());
  }
  if (args.count("init") > 0) files.push_back(TextOf(args, "init"));
  return files;
}

LoadedSources LoadSources(const cxxopts::ParseResult& args,
                          const std::vector<TrainingSource>* began) {
  LoadedSources loaded{SourcesAsked(args), {}};
  bool any_plain = false;
  for (TrainingSource& source : loaded.sources) {
    loaded.corpora.push_back(LoadCorpus(source.data_name));
    const auto& set = loaded.corpora.back().set;
    if (!set) {
      any_plain = true;
      continue;
    }
    source.record_bytes = set->record_bytes;
    if (source.name.empty()) source.name = set->kind;
  }
  if (began) CheckResumed(loaded.sources, *began);
  const std::vector<int32_t> kinds = KindsFrom(args).of_sources;
  if (!kinds.empty() && kinds.size() != loaded.sources.size())
    throw UsageError("--kinds has as many numbers as there are --data");
  const std::string train = TextOf(args, "train-bytes");
  const std::string validation = TextOf(args, "val-bytes");
  for (size_t i = 0; i < loaded.sources.size(); ++i) {
    TrainingSource& source = loaded.sources[i];
    const Corpus& corpus = loaded.corpora[i];
    if (!kinds.empty()) source.kind = kinds[i];
    if (began && IsMixture(*began)) source.kind = SourceOf(*began, source.name).kind;
    // They are for the plain ones; where there is none, SplitOf says so.
    const bool applies = !corpus.set || !any_plain;
    const Split parts =
        PartsOf(source, corpus, began, applies ? train : "", applies ? validation : "");
    source.train = parts.train;
    source.validation = parts.validation;
    source.train_sha256 = Hex(corpus.DigestOf(source.train));
  }
  SetShares(&loaded.sources);
  return loaded;
}

std::unique_ptr<Tokenizer> LearnTokenizer(const cxxopts::ParseResult& args,
                                          const LoadedSources& loaded) {
  const TrainingSource& first = loaded.sources[0];
  if (PairsAsked(args) && (loaded.sources.size() > 1 || first.record_bytes > 1)) {
    throw UsageError(
        "byte pairs are learned from one source without records; "
        "mixtures and patches take --tokenizer bytes or ascii7");
  }
  return LearnTokenizer(args, loaded.corpora[0].Part(first.train));
}

std::vector<TrainingSource> Tokenised(const Tokenizer& tokenizer, LoadedSources loaded) {
  for (size_t i = 0; i < loaded.sources.size(); ++i) {
    TrainingSource& source = loaded.sources[i];
    source.train_tokens = tokenizer.Encode(loaded.corpora[i].Part(source.train));
    source.validation_tokens = tokenizer.Encode(loaded.corpora[i].Part(source.validation));
    loaded.corpora[i] = {};
  }
  return std::move(loaded.sources);
}

double BytesPerSymbol(const std::vector<TrainingSource>& sources) {
  double bytes = 0;
  for (const TrainingSource& source : sources) {
    const auto symbols = static_cast<double>(source.train_tokens.size());
    if (symbols > 0) bytes += source.share * static_cast<double>(source.train.size()) / symbols;
  }
  return std::max(bytes, 1.0);
}

std::string DataArguments(const cxxopts::ParseResult& args) {
  std::string line;
  for (const std::string& text : DataTexts(args))
    line += (line.empty() ? "--data " : " --data ") + text;
  return line;
}

std::string DescribeSources(const std::vector<TrainingSource>& sources) {
  std::string text;
  for (const TrainingSource& s : sources) {
    const std::string name =
        IsMixture(sources) ? fmt::format("{} ({:.1f} %) = ", s.name, 100 * s.share) : "";
    text += fmt::format("data:  {}{}, train on bytes {}:{}, validate on {}:{}\n", name, s.data_name,
                        s.train.begin, s.train.end, s.validation.begin, s.validation.end);
  }
  return text;
}

std::string DescribeTokens(const Tokenizer& tokenizer, const std::vector<TrainingSource>& sources) {
  if (tokenizer.vocabulary() == ByteTokenizer().vocabulary()) return "";
  const TrainingSource& source = sources[0];
  if (tokenizer.lost_bit()) {
    return fmt::format(
        "tokens: {}, loss and validation without the bit of each byte that it loses\n",
        tokenizer.name());
  }
  return fmt::format("tokens: {}, {} coded, {:.3f} bytes each on the training part\n",
                     tokenizer.name(),
                     FormatBytes(static_cast<double>(CodedTokenizerBytes(tokenizer.Serialise()))),
                     static_cast<double>(source.train.size()) /
                         static_cast<double>(std::max<size_t>(source.train_tokens.size(), 1)));
}

}  // namespace occam
