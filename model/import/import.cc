#include "model/import/import.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>
#include <vector>

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/memory.h"
#include "data/tokenizer/table_tokenizer.h"
#include "model/exact/network.h"
#include "model/import/double_heads.h"
#include "model/import/float_llama.h"
#include "model/import/gguf_file.h"
#include "model/import/llama_files.h"
#include "model/import/safetensors_file.h"

namespace occam {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPieceTokens = 512;  // of a text, each a context of its own
constexpr size_t kBlockTokens = 32;   // whose logits are in memory at once

// The files of a folder that end in .bin, those of tokens or the others.
std::vector<std::string> BinFiles(const fs::path& folder, bool of_tokens) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
    const std::string name = i->path().filename().string();
    if (name.ends_with(".bin") && name.starts_with("tok") == of_tokens)
      files.push_back(i->path().string());
  }
  if (error) throw IoError(folder.string() + ": " + error.message());
  std::ranges::sort(files);
  return files;
}

// The tensors of a folder, and the files that they lie in.
struct FolderTensors {
  std::vector<Bytes> files;
  CheckpointTensors tensors;
};
FolderTensors ReadTensors(const fs::path& folder) {
  const auto file = [&](const std::string& name) { return (folder / name).string(); };
  FolderTensors all;
  const auto add = [&](const std::string& name) {
    all.files.push_back(ReadFile(file(name)));
    AddSafetensors(all.files.back(), file(name), &all.tensors);
  };
  const std::string index_name = file("model.safetensors.index.json");
  if (fs::exists(file("model.safetensors")) || !fs::exists(index_name)) {
    add("model.safetensors");
    return all;
  }
  const SafetensorsIndex index = ReadSafetensorsIndex(ReadFile(index_name), index_name);
  for (const std::string& name : index.files) add(name);
  CheckIndex(index, all.tensors, file(""), index_name);
  return all;
}

ImportSource ReadFolder(const fs::path& folder) {
  const auto file = [&](const char* name) { return (folder / name).string(); };
  ImportSource source;
  FolderTensors all = ReadTensors(folder);
  source.weights =
      ReadLlamaFolder(ReadFile(file("config.json")), file("config.json"), &all.tensors);
  source.table = ReadTokenizerJson(ReadFile(file("tokenizer.json")), source.weights.tokens,
                                   file("tokenizer.json"));
  return source;
}

ImportSource ReadGgufSource(const std::string& path) {
  ImportSource source;
  ReadGguf(ReadFile(path), path, &source.weights, &source.table);
  return source;
}

ImportSource ReadBin(const std::string& path, std::string tokenizer) {
  if (tokenizer.empty()) {
    const fs::path folder = fs::path(path).parent_path();
    const auto files = BinFiles(folder.empty() ? "." : folder, /*of_tokens=*/true);
    if (files.size() != 1) {
      throw UsageError(fmt::format("{} files beside {} are named like tokens, tok*.bin; name one",
                                   files.size(), path));
    }
    tokenizer = files.front();
  }
  ImportSource source;
  source.weights = ReadLlama2c(ReadFile(path), path);
  source.table = ReadLlama2cTokens(ReadFile(tokenizer), source.weights.tokens, tokenizer);
  return source;
}

// The tokens of a text in pieces: inputs, and what follows each of them.
struct Piece {
  std::vector<int32_t> inputs;  // tokens of the network
  std::vector<int32_t> symbols;
};
std::vector<Piece> PiecesOf(const ImportSource& source, std::span<const uint8_t> text,
                            int32_t context) {
  const TableTokenizer tokenizer(source.table.tokens, source.table.merges, source.table.rules);
  const std::vector<int32_t> symbols = tokenizer.Encode(text);
  const size_t size = std::min(kPieceTokens, static_cast<size_t>(context));
  std::vector<Piece> pieces;
  for (size_t begin = 0; begin < symbols.size(); begin += size) {
    Piece& piece = pieces.emplace_back();
    piece.inputs.push_back(source.weights.begin_token);
    for (size_t i = begin; i < std::min(begin + size, symbols.size()); ++i) {
      piece.symbols.push_back(symbols[i]);
      piece.inputs.push_back(symbols[i] < source.weights.tokens ? symbols[i]
                                                                : source.table.escape_token);
    }
    piece.inputs.pop_back();
  }
  return pieces;
}

// Adds a position's divergence and entropy.
void AddPosition(std::span<const double> logits, std::span<const uint32_t> frequencies,
                 const TokenTable& table, ImportLoss* loss) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const double z : logits) sum += std::exp(z - largest);
  double escaped = 0;  // with the bytes that share its probability
  for (const uint32_t f : frequencies.subspan(logits.size())) escaped += f;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double p = std::exp(logits[i] - largest) / sum;
    if (p == 0) continue;
    const bool escape = table.escapes > 0 && i == static_cast<size_t>(table.escape_token);
    const double q =
        (frequencies[i] + (escape ? escaped : 0)) / static_cast<double>(kFrequencyTotal);
    loss->entropy_bits -= p * std::log2(p);
    loss->divergence_bits += p * std::log2(p / q);
  }
  ++loss->tokens;
}

// Whether a file of a folder may hold weights.
bool HoldsWeights(const fs::path& file) {
  const std::string kind = file.extension().string();
  return kind == ".safetensors" || (kind == ".bin" && !file.filename().string().starts_with("tok"));
}

}  // namespace

uint64_t ImportMemory(const std::string& path) {
  // A file, its weights as floats, those once more while they are smoothed, and the model. Weights
  // of 16 bits become twice as large, those of Q8_0 four times.
  constexpr uint64_t kOfByte = 5, kOfGgufByte = 9;
  std::error_code error;
  uint64_t bytes = 0;
  if (!fs::is_directory(path)) {
    bytes = fs::file_size(path, error);
  } else {
    const fs::directory_iterator end;
    for (fs::directory_iterator i(path, error); !error && i != end; i.increment(error)) {
      if (HoldsWeights(i->path())) bytes = SaturatingSum(bytes, i->file_size(error));
    }
  }
  if (error) throw IoError(path + ": " + error.message());
  return SaturatingProduct(path.ends_with(".gguf") ? kOfGgufByte : kOfByte, bytes);
}

ImportSource ReadCheckpointOf(const std::string& path, const std::string& tokenizer) {
  if (!fs::exists(path)) throw IoError(path + " does not exist");
  if (!fs::is_directory(path) && path.ends_with(".gguf")) {
    if (!tokenizer.empty()) throw UsageError("a .gguf has its tokenizer in it");
    return ReadGgufSource(path);
  }
  if (!fs::is_directory(path)) return ReadBin(path, tokenizer);
  if (fs::exists(fs::path(path) / "config.json")) {
    if (!tokenizer.empty()) throw UsageError("the tokenizer of a folder is its tokenizer.json");
    return ReadFolder(path);
  }
  const auto files = BinFiles(path, /*of_tokens=*/false);
  if (files.size() != 1) {
    throw UsageError(path +
                     " has no config.json, and not one .bin of a network: nothing to import");
  }
  return ReadBin(files.front(), tokenizer);
}

ImportLoss MeasureLoss(const ImportSource& source, const QuantizedModel& model,
                       std::span<const uint8_t> text) {
  const ExactNetwork network(model, Kernels::kFast);
  ExactSession session(network, 1);
  ImportLoss loss;
  const auto tokens = static_cast<size_t>(source.weights.tokens);
  for (const Piece& piece : PiecesOf(source, text, model.config.context)) {
    const std::vector<double> states = FloatStates(source.weights, piece.inputs);
    session.Reset(0);
    std::vector<double> logits;
    for (size_t begin = 0; begin < piece.symbols.size(); begin += kBlockTokens) {
      const size_t count = std::min(kBlockTokens, piece.symbols.size() - begin);
      logits = LogitsOf(source.weights, states, piece.inputs.size(), begin, count);
      session.Score(0, std::span(piece.symbols).subspan(begin, count),
                    [&](size_t i, std::span<const uint32_t> frequencies) {
                      AddPosition(std::span(logits).subspan(i * tokens, tokens), frequencies,
                                  source.table, &loss);
                    });
    }
  }
  const auto count = static_cast<double>(std::max<size_t>(loss.tokens, 1));
  loss.divergence_bits /= count;
  loss.entropy_bits /= count;
  return loss;
}

QuantizedModel ImportModel(const ImportSource& source, int32_t context,
                           std::span<const uint8_t> calibration, ImportPrecision precision) {
  const int32_t most = std::min(source.weights.context, kMaxLlamaContext);
  if (context < 0 || context > most)
    throw UsageError(
        fmt::format("a context of {} is not within that of the network, {}", context, most));
  if (calibration.empty()) throw UsageError("the calibration text has no bytes");
  if (context == 0) context = std::min(most, kUsualContext);
  const auto pieces = PiecesOf(source, calibration, context);
  // A fine network's keys need no second form.
  const bool fine = precision == ImportPrecision::kFine;
  LlamaWeights w = fine ? source.weights : WithDoubledHeads(source.weights);
  const auto look = [&] {
    std::vector<LlamaMaxima> maxima(w.layers.size());
    for (const Piece& piece : pieces) FloatStates(w, piece.inputs, &maxima);
    return maxima;
  };
  Smooth(look(), &w);
  std::vector<double> value_maxima;
  for (const LlamaMaxima& layer : look()) {
    for (int32_t g = 0; g < w.kv_heads; ++g) {
      const auto head = layer.values.begin() + std::ptrdiff_t{g} * w.head_size;
      value_maxima.push_back(*std::max_element(head, head + w.head_size));
    }
  }
  return QuantiseLlama(w, source.table, context, value_maxima, precision);
}

}  // namespace occam
