// occam_decoder ARCHIVE OUT [MEMORY]: restores a file that holds its model, and does nothing else.
// The least program that a compressed file needs; tools/decoder_size.sh says how many bytes it has.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "coder/archive/decompressor.h"
#include "coder/predict/loaded_model.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "tools/small_program.h"

namespace occam {
namespace {

// Reads a limit of so many bytes: digits alone.
uint64_t MemoryFrom(const char* text) {
  uint64_t bytes = 0;
  const char* const end = text + std::strlen(text);
  const auto [rest, status] = std::from_chars(text, end, bytes);
  if (status != std::errc() || rest != end)
    throw UsageError("MEMORY is a number of bytes, such as 4000000000, not " + std::string(text));
  return bytes;
}

void Restore(const char* archive, const char* out, uint64_t memory_bytes) {
  const auto source = OpenSource(archive);
  const auto sink = OpenSink(out, /*overwrite=*/false);
  std::optional<LoadedModel> model;
  const ModelFinder find = [&](const FileHeader&, std::span<const uint8_t> embedded) {
    if (embedded.empty())
      throw UsageError(source->name() + " does not hold its model; occam decompress takes one");
    model.emplace(embedded, source->name() + ", its model", Kernels::kFast,
                  ReadLimits{memory_bytes, nullptr});
    return &model->codec_model();
  };
  CodecOptions options{0, {}};
  options.memory_bytes = memory_bytes;
  Decompress(*source, *sink, find, options);
  sink->Commit();
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fputs("usage: occam_decoder ARCHIVE OUT [MEMORY] (- = standard input, output)\n", stderr);
    return static_cast<int>(occam::ErrorKind::kUsage);
  }
  return occam::RunSmallProgram("occam_decoder", [&] {
    occam::Restore(argv[1], argv[2],
                   argc == 4 ? occam::MemoryFrom(argv[3]) : occam::kDefaultMemoryBytes);
  });
}
