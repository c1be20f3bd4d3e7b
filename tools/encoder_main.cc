// occam_encoder MODEL FILE ARCHIVE: compresses a file, contexts carried, into one that holds its
// model, and does nothing else; occam_decoder's counterpart. MODEL is entropy-coded (inspect
// --export MODEL --coded). tools/decoder_size.sh says how many bytes it has.
#include <cstdio>

#include "coder/archive/compressor.h"
#include "coder/predict/loaded_model.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "tools/small_program.h"

namespace occam {
namespace {

void Store(const char* model_name, const char* file, const char* archive) {
  const Bytes coded = ReadFile(model_name);
  const LoadedModel model(coded, model_name, Kernels::kFast);
  const auto source = OpenSource(file);
  const auto sink = OpenSink(archive, /*overwrite=*/false);
  CodecOptions options{0, {}, ContextMode::kCarried, 0, coded};
  options.short_form = true;
  Compress(*source, *sink, &model.codec_model(), options);
  sink->Commit();
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: occam_encoder MODEL FILE ARCHIVE (- = standard input, output)\n", stderr);
    return static_cast<int>(occam::ErrorKind::kUsage);
  }
  return occam::RunSmallProgram("occam_encoder", [&] { occam::Store(argv[1], argv[2], argv[3]); });
}
