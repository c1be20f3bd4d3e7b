// occam import: a model that codes, out of a public checkpoint.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/file_plan.h"
#include "data/base/format.h"
#include "data/base/memory.h"
#include "data/base/printable.h"
#include "model/exact/network_memory.h"
#include "model/import/import.h"
#include "model/quantized_model.h"
#include "tools/command.h"
#include "tools/option_table.h"

namespace occam {
namespace {

constexpr char kEpilogue[] =
    "The model that is written computes in integers, so that what it codes is restored on every "
    "machine. It has the loss\n"
    "that is printed: the mean divergence of its predictions from the checkpoint's, in percent of "
    "their entropy.\n"
    "Supported are LlamaForCausalLM, Qwen3ForCausalLM and GPT2LMHeadModel (config.json, "
    "tokenizer.json, model.safetensors or\n"
    "several with an index), .gguf of these (F32, F16, BF16, Q8_0), and llama2.c's .bin "
    "with its tokens. What else\n"
    "there is in a checkpoint is refused by name.\n"
    "\n"
    "Examples:\n"
    "  occam import TinyStories-656K -o stories.occm\n"
    "  occam import SmolLM2-135M --context 1024 -o smollm2.occm\n"
    "  occam import stories260K.bin --tokenizer tok512.bin -o stories.occm\n"
    "  occam import stories260K --fine -o stories.occm\n"
    "  generate --ckpt stories.occm --temperature 0\n"
    "  compress --ckpt stories.occm story.txt\n";

struct NamedText {
  Bytes bytes;
  std::string name;  // of what the loss was measured on
};
NamedText CalibrationOf(const std::string& path) {
  if (!path.empty()) return {ReadFile(path), "the calibration text"};
  const std::string_view text = CalibrationText();
  return {{text.begin(), text.end()}, "the built-in text"};
}

// The files that a checkpoint may be made of: all of their kinds in its folder.
void PlanCheckpoint(const std::string& path, FilePlan* plan) {
  namespace fs = std::filesystem;
  plan->Read(path, "the checkpoint");
  const fs::path folder = fs::is_directory(path) ? fs::path(path) : fs::path(path).parent_path();
  std::error_code error;
  const fs::directory_iterator end;
  for (fs::directory_iterator i(folder.empty() ? "." : folder, error); !error && i != end;
       i.increment(error)) {
    const fs::path kind = i->path().extension();
    if (i->path() != path && (kind == ".json" || kind == ".safetensors" || kind == ".bin"))
      plan->Read(i->path().string(), "a file of the checkpoint");
  }
}

}  // namespace

int ImportCommand(int argc, const char* const* argv) {
  cxxopts::Options options("import", "Makes a model that codes of a public checkpoint.\n");
  options.positional_help("CHECKPOINT");
  AddOptions(
      &options, "Import",
      {
          {"o,out", "NAME.occm", Text(), "Write the model to this file"},
          {"tokenizer", "FILE", Text(), "The tokens of a .bin (default: the tok*.bin beside it)"},
          {"calibration", "FILE", Text(),
           "Text like what will be coded, by which scales are chosen (default: a built-in one)"},
          {"text", "FILE", Text(),
           "Text on which the loss is measured (default: that of the calibration)"},
          {"context", "N", Takes<int32_t>("0"),
           "Positions of a context, at most 4096; more take memory and time, and make files a "
           "little "
           "smaller (default: the checkpoint's, at most 512)"},
          {"fine",
           "Round to some 15 bits, not 8: predictions are the checkpoint's nearly to the digit, "
           "for "
           "twice the bytes and a fraction of the speed"},
          {"memory", "LIMIT", Text("24G"),
           "Memory that the import may take, by the sizes of the files; what needs more is "
           "refused"},
          {"f,force", "Overwrite the file"},
          {"checkpoint", "", Text(), ""},
      });
  options.parse_positional({"checkpoint"});
  const cxxopts::ParseResult args = ParseOptions(&options, argc, argv, {"Import"}, kEpilogue);
  const std::string path = TextOf(args, "checkpoint"), out = TextOf(args, "out"),
                    tokenizer = TextOf(args, "tokenizer"),
                    calibration_path = TextOf(args, "calibration"),
                    text_path = TextOf(args, "text");
  if (path.empty()) throw UsageError("import needs a checkpoint; see import --help");
  if (!args.unmatched().empty())
    throw UsageError("import takes one checkpoint, not also " + args.unmatched().front());
  if (out.empty()) throw UsageError("import needs --out NAME.occm");
  FilePlan plan;
  PlanCheckpoint(path, &plan);
  if (!tokenizer.empty()) plan.Read(tokenizer, "the tokenizer");
  if (!calibration_path.empty()) plan.Read(calibration_path, "the calibration text");
  if (!text_path.empty()) plan.Read(text_path, "the text");
  plan.Write(out, "the model");

  CatchInterrupts();
  const bool force = args.count("force") > 0;
  const NamedText calibration = CalibrationOf(calibration_path);
  const NamedText text =
      text_path.empty() ? calibration : NamedText{ReadFile(text_path), Printable(text_path)};
  if (text.bytes.empty()) throw UsageError(text.name + " has no bytes");
  const auto sink = OpenSink(out, force);
  WithMemoryHint(
      [&] { RequireMemory(ImportMemory(path), MemoryFrom(args, /*model_path=*/""), path); });
  const ImportSource source = ReadCheckpointOf(path, tokenizer);
  const QuantizedModel model =
      ImportModel(source, args["context"].as<int32_t>(), calibration.bytes,
                  args.count("fine") > 0 ? ImportPrecision::kFine : ImportPrecision::kUsual);
  const ImportLoss loss = MeasureLoss(source, model, text.bytes);
  const Bytes file = SerialiseModel(model);
  sink->Write(file);
  sink->Commit();
  fmt::print("{}: {}\n", Printable(path), Describe(model.config));
  fmt::print(
      "  loss         {:.3f} % on {}: divergence {:.5f}, entropy {:.4f} bits a token, {} tokens\n",
      loss.percent(), text.name, loss.divergence_bits, loss.entropy_bits, loss.tokens);
  if (source.table.escapes > 0)
    fmt::print("  tokens       {} bytes have none and are escaped\n", source.table.escapes);
  fmt::print("  cache        {} bytes a lane, for a context of {}\n", LaneBytes(model.config),
             model.config.context);
  fmt::print("  model id     {}\n", Hex(ModelId(model)));
  fmt::print("  {}: {} bytes\n", Printable(out), file.size());
  return 0;
}

}  // namespace occam
