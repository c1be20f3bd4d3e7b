// Small records, each coded alone: bare frames by a model that was trained on such records, and by
// the built-in one after a dictionary of them, beside zstd with dictionaries. See --help.

#include <zdict.h>
#include <zstd.h>

#include <algorithm>
#include <cstdio>
#include <cxxopts.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/base/units.h"
#include "data/tokenizer/tokenizer.h"
#include "model/network/matmul.h"
#include "model/quantize.h"
#include "occam/occam.h"
#include "tests/benchmark/log_lines.h"
#include "tests/benchmark/thread_seconds.h"
#include "train/trainer.h"

namespace occam {
namespace {

using Lines = std::vector<std::string>;

constexpr char kHow[] =
    "The records are lines of a log in JSON, made by tests/benchmark/log_lines.cc, or those of "
    "--lines. Model and\n"
    "dictionaries learn from the same other lines. zstd is libzstd at level 19, without its "
    "optional checksum. Its trained\n"
    "dictionary has at most 112,640 bytes, the default of zstd --train. As many bytes of the last "
    "lines, as they are, are the\n"
    "other dictionary, which Occam has, too. Frames have one byte of check. Every frame is decoded "
    "and compared. Times are\n"
    "processor time of one thread.\n";

constexpr size_t kMostDictionaryBytes = 112640;

struct Options {
  size_t records = 0;
  int64_t training_bytes = 0;
  int64_t bytes_seen = 0;
  std::string model;
  std::string lines;       // a file of records; empty: they are made
  std::string dictionary;  // a file of other ones
  std::optional<size_t> most_bytes;
};

// Empty: the page of help was asked for and printed.
std::optional<Options> Parse(int argc, const char* const* argv) {
  cxxopts::Options page("record_benchmark", "Measures bare frames of small records.\n");
  page.set_width(110);
  const auto number = [](const char* value) {
    return cxxopts::value<std::string>()->default_value(value);
  };
  page.add_options()("records", "How many records to code", number("200"), "N")(
      "training-bytes", "Lines to learn from", number("4M"), "N")(
      "bytes-seen", "Bytes that training sees, repeats included", number("6M"), "N")(
      "model", "A model (.occm) of such lines, in place of training one",
      cxxopts::value<std::string>()->default_value(""),
      "FILE")("lines", "Records, a line each, in place of lines of a log; no model is trained",
              cxxopts::value<std::string>()->default_value(""),
              "FILE")("dictionary", "With --lines: other records to learn from, a line each",
                      cxxopts::value<std::string>()->default_value(""),
                      "FILE")("most", "End with exit code 1 where frames have more bytes in all",
                              cxxopts::value<std::string>(), "N")("h,help", "Print this page");
  const cxxopts::ParseResult args = page.parse(argc, argv);
  if (args.count("help") > 0) {
    fmt::print("{}\n{}", page.help(), kHow);
    return std::nullopt;
  }
  const auto count = [&](const char* name) {
    return ParseCount(args[name].as<std::string>(), std::string("--") + name);
  };
  Options options;
  options.records = static_cast<size_t>(count("records"));
  options.training_bytes = count("training-bytes");
  options.bytes_seen = count("bytes-seen");
  options.model = args["model"].as<std::string>();
  options.lines = args["lines"].as<std::string>();
  options.dictionary = args["dictionary"].as<std::string>();
  if (options.lines.empty() != options.dictionary.empty())
    throw UsageError("give --lines and --dictionary, or neither");
  if (args.count("most") > 0) options.most_bytes = static_cast<size_t>(count("most"));
  return options;
}

size_t LineBytes(const Lines& lines) {
  size_t bytes = 0;
  for (const std::string& line : lines) bytes += line.size();
  return bytes;
}

Lines LinesOf(const std::string& path) {
  const Bytes bytes = ReadFile(path);
  Lines lines;
  std::string line;
  for (const uint8_t byte : bytes) {
    if (byte != '\n') {
      line.push_back(static_cast<char>(byte));
      continue;
    }
    lines.push_back(std::move(line));
    line.clear();
  }
  if (lines.empty()) throw UsageError(path + " has no line");
  return lines;
}

// The last lines, with their ends, of so many bytes at most.
std::string LastOf(const Lines& lines, size_t most_bytes) {
  std::string last;
  for (size_t i = lines.size(); i-- > 0;) {
    if (last.size() + lines[i].size() + 1 > most_bytes) break;
    last.insert(0, lines[i] + "\n");
  }
  return last;
}

// As many lines as have these bytes, with their ends.
Lines TrainingLines(int64_t bytes) {
  constexpr int64_t kLineBytes = 159;
  return LogLines(static_cast<size_t>(bytes / kLineBytes), /*seed=*/1);
}

// Contexts are as long as few records, and so many begin afresh, as each record does.
Model TrainModel(const Lines& lines, int64_t bytes_seen) {
  TrainerSettings settings;
  settings.config = FamilyConfig(48);
  settings.config.context = 256;
  settings.recipe.batch_sequences = 32;
  settings.recipe.bfloat16 = HasFastBfloat16() ? 1 : 0;
  settings.length =
      RunLength::Bytes(bytes_seen, 1, settings.recipe.batch_sequences * settings.config.context);
  settings.validation.count = 0;
  TrainingSource source;
  for (const std::string& line : lines) {
    source.train_tokens.insert(source.train_tokens.end(), line.begin(), line.end());
    source.train_tokens.push_back('\n');
  }
  source.train = {0, static_cast<int64_t>(source.train_tokens.size())};
  source.train_sha256 = "log_lines.cc";
  Trainer trainer(settings, {{std::move(source)}, ByteTokenizer().Serialise()});
  trainer.Run();
  const Checkpoint c = trainer.Snapshot();
  return Model::FromMemory(
      SerialiseModel(Quantise(c.config, c.weights, c.calibration, c.tokenizer)));
}

struct Sizes {
  size_t bytes = 0;
  double learn_s = 0;
  double encode_s = 0;
  double decode_s = 0;
};

// An empty dictionary is none.
Sizes MeasureFrames(const Model& model, const Lines& lines, const std::string& dictionary = "") {
  RecordCodec codec(model, 1, nullptr, BytesOf(std::string_view(dictionary)));
  Sizes sizes;
  const double begin = ThreadSeconds();
  codec.Encode(BytesOf(std::string_view("the first call learns")));
  sizes.learn_s = ThreadSeconds() - begin;
  for (const std::string& line : lines) {
    const double start = ThreadSeconds();
    const std::vector<uint8_t> frame = codec.Encode(BytesOf(std::string_view(line)));
    const double encoded = ThreadSeconds();
    const std::vector<uint8_t> record = codec.Decode(frame);
    sizes.decode_s += ThreadSeconds() - encoded;
    sizes.encode_s += encoded - start;
    if (!std::ranges::equal(record, BytesOf(std::string_view(line))))
      throw InternalError("a frame decodes to another record");
    sizes.bytes += frame.size();
  }
  return sizes;
}

// A file of its own for each line.
size_t FileBytes(const Model& model, const Lines& lines) {
  occam::Options options;
  options.model = &model;
  options.threads = 1;
  size_t bytes = 0;
  for (const std::string& line : lines)
    bytes += CompressBytes(BytesOf(std::string_view(line)), options).size();
  return bytes;
}

std::string TrainDictionary(const Lines& lines) {
  std::string all;
  std::vector<size_t> sizes;
  for (const std::string& line : lines) {
    all += line;
    sizes.push_back(line.size());
  }
  std::string dictionary(kMostDictionaryBytes, '\0');
  const size_t size = ZDICT_trainFromBuffer(dictionary.data(), dictionary.size(), all.data(),
                                            sizes.data(), static_cast<unsigned>(sizes.size()));
  if (ZDICT_isError(size) != 0)
    throw InternalError(std::string("no dictionary: ") + ZDICT_getErrorName(size));
  dictionary.resize(size);
  return dictionary;
}

// An empty dictionary is none.
size_t ZstdBytes(const Lines& lines, const std::string& dictionary) {
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                   ZSTD_freeCCtx);
  const std::unique_ptr<ZSTD_CDict, size_t (*)(ZSTD_CDict*)> prepared(
      ZSTD_createCDict(dictionary.data(), dictionary.size(), 19), ZSTD_freeCDict);
  size_t bytes = 0;
  for (const std::string& line : lines) {
    std::vector<char> out(ZSTD_compressBound(line.size()));
    const size_t size = ZSTD_compress_usingCDict(context.get(), out.data(), out.size(), line.data(),
                                                 line.size(), prepared.get());
    if (ZSTD_isError(size) != 0) throw InternalError("zstd failed");
    bytes += size;
  }
  return bytes;
}

void PrintRow(const std::string& name, size_t bytes, const Lines& lines) {
  const auto n = static_cast<double>(lines.size());
  const auto original = static_cast<double>(LineBytes(lines));
  fmt::print("{:<44}{:>8} bytes {:>8.1f} a record {:>7.2f} %\n", name, bytes,
             static_cast<double>(bytes) / n, 100 * static_cast<double>(bytes) / original);
}

void PrintTimes(const Sizes& frames, const Lines& lines) {
  const auto n = static_cast<double>(lines.size());
  fmt::print("    {:.2f} ms to encode, {:.2f} ms to decode; {:.2f} s for the first\n",
             1e3 * frames.encode_s / n, 1e3 * frames.decode_s / n, frames.learn_s);
}

int Run(const Options& options) {
  const bool made = options.lines.empty();
  const Lines training = made ? TrainingLines(options.training_bytes) : LinesOf(options.dictionary);
  const Lines lines = made ? LogLines(options.records, /*seed=*/2) : LinesOf(options.lines);
  const std::string trained = TrainDictionary(training);
  const std::string last = LastOf(training, kMostDictionaryBytes);
  PrintRow("records", LineBytes(lines), lines);
  PrintRow("zstd -19, no dictionary", ZstdBytes(lines, ""), lines);
  PrintRow(fmt::format("zstd -19, dictionary of {} bytes", trained.size()),
           ZstdBytes(lines, trained), lines);
  PrintRow(fmt::format("zstd -19, {} bytes of lines", last.size()), ZstdBytes(lines, last), lines);
  const Model built_in = Model::BuiltIn();
  const Sizes after = MeasureFrames(built_in, lines, last);
  PrintRow(fmt::format("Occam, built-in model, {} bytes of lines", last.size()), after.bytes,
           lines);
  PrintTimes(after, lines);
  if (!made && options.model.empty()) return 0;

  const Model model = options.model.empty() ? TrainModel(training, options.bytes_seen)
                                            : Model::FromFile(options.model);
  const Sizes frames = MeasureFrames(model, lines);
  PrintRow("Occam, files (.occ)", FileBytes(model, lines), lines);
  PrintRow(fmt::format("Occam, bare frames, model of {} bytes", model.Serialise(true).size()),
           frames.bytes, lines);
  PrintTimes(frames, lines);
  if (!options.most_bytes || frames.bytes <= *options.most_bytes) return 0;
  fmt::print("frames have more than {} bytes\n", *options.most_bytes);
  return 1;
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  try {
    const auto options = occam::Parse(argc, argv);
    return options ? occam::Run(*options) : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "record_benchmark: %s\n", error.what());
    return 2;
  }
}
