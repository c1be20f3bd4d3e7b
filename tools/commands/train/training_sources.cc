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
#include "data/mixture.h"
#include "tools/command.h"
#include "tools/commands/train/tokenizer_option.h"

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

std::vector<SourceArgument> SourcesAsked(const cxxopts::ParseResult& args) {
  const std::vector<std::string> texts = DataTexts(args);
  if (texts.empty()) throw UsageError("train needs --data; see train --help");
  std::vector<SourceArgument> sources;
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

bool IsMixture(const std::vector<LoadedSource>& sources) {
  return !sources[0].argument.name.empty();
}

// Of a resumed run, the parts of a plain corpus are the very bytes it began with, and so is the
// validation part unless another is asked for. `began` has the ranges.
template <typename Began>
Split PartsBegun(const Corpus& corpus, const Began& began, const std::string& asked_validation) {
  const auto size_bytes = static_cast<int64_t>(corpus.bytes.size());
  if (began.train_end > size_bytes || began.validation_end > size_bytes) {
    throw UsageError(fmt::format(
        "{} has {} bytes, where the run began with at least {}: give the data it began with",
        corpus.name, size_bytes, std::max(began.train_end, began.validation_end)));
  }
  std::string validation = asked_validation;
  if (validation.empty() && began.validation_end > 0)
    validation = fmt::format("{}:{}", began.validation_begin, began.validation_end);
  return MakeSplit(size_bytes, fmt::format("{}:{}", began.train_begin, began.train_end),
                   validation);
}

const SourceProvenance& SourceOf(const Provenance& provenance, const std::string& name) {
  for (const SourceProvenance& source : provenance.sources) {
    if (source.name == name) return source;
  }
  throw UsageError("the run that is resumed has no source " + name +
                   "; give the data it began with");
}

Split PartsOf(const LoadedSource& source, const Provenance* resumed, const std::string& train,
              const std::string& validation) {
  if (source.corpus.set || resumed == nullptr) {
    return WithHint("--train-bytes and --val-bytes choose the parts",
                    [&] { return SplitOf(source.corpus, train, validation); });
  }
  if (source.argument.name.empty()) return PartsBegun(source.corpus, *resumed, validation);
  return PartsBegun(source.corpus, SourceOf(*resumed, source.argument.name), validation);
}

void CheckResumed(const std::vector<LoadedSource>& sources, const Provenance& resumed) {
  const size_t begun = resumed.sources.size();
  const size_t asked = IsMixture(sources) ? sources.size() : 0;
  if (begun == asked) return;
  throw UsageError(fmt::format(
      "the run that is resumed has {} named sources, now there are {}; give the data it began with",
      begun, asked));
}

std::vector<double> SharesOf(const std::vector<LoadedSource>& sources) {
  std::vector<double> weights;
  for (const LoadedSource& source : sources) weights.push_back(source.argument.weight);
  std::vector<double> shares;
  for (const int64_t quota : MixtureQuotas(weights)) {
    shares.push_back(static_cast<double>(quota) / static_cast<double>(kMixtureCycle));
  }
  return shares;
}

int64_t RecordBytes(const LoadedSource& source) {
  return source.corpus.set ? source.corpus.set->record_bytes : 1;
}

}  // namespace

SourceArgument ParseSource(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == text.npos || !IsName(text.substr(0, equals)) || FileExists(text))
    return {"", text, 1};
  SourceArgument source{text.substr(0, equals), text.substr(equals + 1), 1};
  const size_t colon = source.where.rfind(':');
  if (colon != source.where.npos && !FileExists(source.where)) {
    if (const auto weight = Number(source.where.substr(colon + 1))) {
      source.weight = *weight;
      source.where.resize(colon);
    }
  }
  if (!(source.weight > 0)) {
    throw UsageError(
        fmt::format("the weight of {} is more than 0, not {}", source.name, source.weight));
  }
  return source;
}

std::vector<LoadedSource> LoadSources(const cxxopts::ParseResult& args, const Provenance* resumed) {
  std::vector<LoadedSource> sources;
  bool any_plain = false;
  for (const SourceArgument& argument : SourcesAsked(args)) {
    sources.push_back({argument, LoadCorpus(argument.where), {}, {}, {}});
    LoadedSource& source = sources.back();
    if (!source.corpus.set)
      any_plain = true;
    else if (argument.name.empty())
      source.argument.name = source.corpus.set->kind;
  }
  if (resumed) CheckResumed(sources, *resumed);
  const std::string train = TextOf(args, "train-bytes");
  const std::string validation = TextOf(args, "val-bytes");
  for (LoadedSource& source : sources) {
    // They are for the plain ones; where there is none, SplitOf says so.
    const bool applies = !source.corpus.set || !any_plain;
    source.split = PartsOf(source, resumed, applies ? train : "", applies ? validation : "");
  }
  return sources;
}

std::unique_ptr<Tokenizer> LearnTokenizer(const cxxopts::ParseResult& args,
                                          const std::vector<LoadedSource>& sources) {
  const LoadedSource& first = sources[0];
  if (PairsAsked(args) && (sources.size() > 1 || RecordBytes(first) > 1)) {
    throw UsageError(
        "byte pairs are learned from one source without records; "
        "mixtures and patches take --tokenizer bytes or ascii7");
  }
  return LearnTokenizer(args, first.corpus.Part(first.split.train));
}

void Tokenise(const Tokenizer& tokenizer, std::vector<LoadedSource>* sources) {
  for (LoadedSource& source : *sources) {
    source.train_tokens = tokenizer.Encode(source.corpus.Part(source.split.train));
    source.validation_tokens = tokenizer.Encode(source.corpus.Part(source.split.validation));
  }
}

double BytesPerSymbol(const std::vector<LoadedSource>& sources) {
  const std::vector<double> shares = SharesOf(sources);
  double bytes = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    const auto symbols = static_cast<double>(sources[i].train_tokens.size());
    if (symbols > 0)
      bytes += shares[i] * static_cast<double>(sources[i].split.train.size()) / symbols;
  }
  return std::max(bytes, 1.0);
}

TrainingData DataOf(const std::vector<LoadedSource>& sources, const Tokenizer& tokenizer) {
  TrainingData data;
  data.tokenizer = tokenizer.Serialise();
  for (const LoadedSource& source : sources) {
    data.sources.push_back({source.train_tokens, source.validation_tokens,
                            static_cast<double>(source.split.train.size()),
                            static_cast<double>(source.split.validation.size()),
                            source.argument.name, source.argument.weight, RecordBytes(source)});
  }
  return data;
}

void DescribeData(const std::vector<LoadedSource>& sources, Provenance* provenance) {
  if (!IsMixture(sources)) {
    const LoadedSource& source = sources[0];
    provenance->data_name = source.corpus.name;
    provenance->data_sha256 = Hex(source.corpus.DigestOf(source.split.train));
    provenance->train_begin = source.split.train.begin;
    provenance->train_end = source.split.train.end;
    provenance->validation_begin = source.split.validation.begin;
    provenance->validation_end = source.split.validation.end;
    return;
  }
  provenance->sources.clear();
  const std::vector<double> shares = SharesOf(sources);
  std::string names;
  std::string text;
  for (size_t i = 0; i < sources.size(); ++i) {
    const LoadedSource& source = sources[i];
    const Split& split = source.split;
    provenance->sources.push_back({source.argument.name,
                                   source.corpus.name,
                                   shares[i],
                                   RecordBytes(source),
                                   split.train.begin,
                                   split.train.end,
                                   split.validation.begin,
                                   split.validation.end,
                                   Hex(source.corpus.DigestOf(split.train)),
                                   {}});
    const SourceProvenance& s = provenance->sources.back();
    names += fmt::format("{}{}={}:{}", i == 0 ? "" : " ", s.name, s.data_name, s.share);
    text += fmt::format("{} {} {} {}\n", s.name, s.share, s.record_bytes, s.data_sha256);
  }
  provenance->data_name = names;
  provenance->data_sha256 =
      Hex(Sha256Of({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
}

std::string DataArguments(const cxxopts::ParseResult& args) {
  std::string line;
  for (const std::string& text : DataTexts(args))
    line += (line.empty() ? "--data " : " --data ") + text;
  return line;
}

std::string DescribeSources(const std::vector<LoadedSource>& sources) {
  const std::vector<double> shares = SharesOf(sources);
  std::string text;
  for (size_t i = 0; i < sources.size(); ++i) {
    const LoadedSource& s = sources[i];
    const std::string name =
        IsMixture(sources) ? fmt::format("{} ({:.1f} %) = ", s.argument.name, 100 * shares[i]) : "";
    text += fmt::format("data:  {}{}, train on bytes {}:{}, validate on {}:{}\n", name,
                        s.corpus.name, s.split.train.begin, s.split.train.end,
                        s.split.validation.begin, s.split.validation.end);
  }
  return text;
}

std::string DescribeTokens(const Tokenizer& tokenizer, const std::vector<LoadedSource>& sources) {
  if (tokenizer.vocabulary() == ByteTokenizer().vocabulary()) return "";
  const LoadedSource& source = sources[0];
  if (tokenizer.lost_bit()) {
    return fmt::format(
        "tokens: {}, loss and validation without the bit of each byte that it loses\n",
        tokenizer.name());
  }
  return fmt::format("tokens: {}, {} coded, {:.3f} bytes each on the training part\n",
                     tokenizer.name(),
                     FormatBytes(static_cast<double>(CodedTokenizerBytes(tokenizer.Serialise()))),
                     static_cast<double>(source.split.train.size()) /
                         static_cast<double>(std::max<size_t>(source.train_tokens.size(), 1)));
}

}  // namespace occam
