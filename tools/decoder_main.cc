// occam_decoder ARCHIVE OUT: restores a file that holds its model, and does nothing else. The
// least program that a compressed file needs; tools/decoder_size.sh says how many bytes it has.
#include <cstdio>
#include <optional>

#include "coder/archive/decompressor.h"
#include "coder/predict/loaded_model.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "tools/small_program.h"

namespace occam {
namespace {

void Restore(const char* archive, const char* out) {
  const auto source = OpenSource(archive);
  const auto sink = OpenSink(out, /*overwrite=*/false);
  std::optional<LoadedModel> model;
  const ModelFinder find = [&](const FileHeader&, std::span<const uint8_t> embedded) {
    if (embedded.empty())
      throw UsageError(source->name() + " does not hold its model; occam decompress takes one");
    model.emplace(embedded, source->name() + ", its model", Kernels::kFast);
    return &model->codec_model();
  };
  Decompress(*source, *sink, find, {0, {}});
  sink->Commit();
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: occam_decoder ARCHIVE OUT (- = standard input, output)\n", stderr);
    return static_cast<int>(occam::ErrorKind::kUsage);
  }
  return occam::RunSmallProgram("occam_decoder", [&] { occam::Restore(argv[1], argv[2]); });
}
