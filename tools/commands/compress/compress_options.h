// The options of a command line of compress or decompress.
#ifndef OCCAM_TOOLS_COMMANDS_COMPRESS_COMPRESS_OPTIONS_H_
#define OCCAM_TOOLS_COMMANDS_COMPRESS_COMPRESS_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "coder/archive/decompress_range.h"
#include "coder/container/container_format.h"
#include "model/exact/network.h"

namespace occam {

enum class Action { kCompress, kDecompress, kTest, kList };

constexpr char kStandard[] = "-";  // standard input or output

struct CompressOptions {
  Action action = Action::kCompress;
  std::string model;     // a checkpoint or .occm; empty: a built-in one
  std::string built_in;  // which; empty: the default one
  Kernels kernels = Kernels::kFast;
  // Defaults to adaptive, and to carried where the model's symbols are no bytes.
  std::optional<ContextMode> mode;
  uint32_t lanes = 0;                  // compressing in mode long; 0: the default
  bool no_model = false;               // compressing: by the expert alone
  uint32_t photo_width = 0;            // compressing raw pixels: those of a row
  uint32_t photo_channels = 0;         // of a raw pixel
  bool embed_model = false;            // compressing: the file carries its model
  std::string dictionary;              // a file that both sides have; empty: none
  std::vector<std::string> files;      // at least one
  std::string output;                  // empty: by the input's name
  std::optional<OriginalRange> range;  // decompressing: this part alone
  bool raw_frame = false;              // the whole file is one record, coded into a bare frame
  int check_bytes = 1;                 // of a bare frame
  bool keep_going = false;             // decompressing: what is sound of damaged files
  bool to_stdout = false;
  bool force = false;
  bool remove_input = false;
  bool quiet = false;
  bool verbose = false;
  bool json = false;  // listing
  int threads = 0;
  uint64_t memory_bytes = 0;  // that may be taken
};

// Throws kUsage, and EarlyExit after --help or --version. `decompress`: the command is decompress.
CompressOptions ParseCompressOptions(int argc, const char* const* argv, bool decompress);

// The --mode of compress and evaluate. Throws kUsage.
ContextMode ParseContextMode(const std::string& text);

// The file that the output for an input goes to; kStandard for standard output. Throws kUsage.
std::string OutputName(const CompressOptions& request, const std::string& input);

// Returns whether the input is to be removed once the output is written.
bool RemovesInput(const CompressOptions& request, const std::string& input,
                  const std::string& output);

// Throws kIo where an output that was named after its input is a device or a pipe: whoever reads
// there was not meant.
void CheckOutput(const CompressOptions& request, const std::string& output);

// Checks before the first file is opened. Throws kUsage where one of the files is two things at
// once, so that the command would lose it (data/base/file_plan.h).
void CheckFiles(const CompressOptions& request);

}  // namespace occam

#endif  // OCCAM_TOOLS_COMMANDS_COMPRESS_COMPRESS_OPTIONS_H_
