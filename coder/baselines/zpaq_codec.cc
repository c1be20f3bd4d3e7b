#include "coder/baselines/classical_codecs.h"
#include "coder/baselines/program.h"

namespace occam {
namespace {

constexpr int kHelpCode = 1;

class Zpaq final : public ClassicalCodec {
 public:
  Zpaq() : program_(FindProgram("zpaq")) {}

  CodecFacts facts() const override {
    return {.name = "zpaq",
            .maker = program_.empty()
                         ? "zpaq"
                         : FirstLine(WorkFolder().Run(program_, {}, kHelpCode), " journaling"),
            .setting = "-m5",
            .sees = "bytes",
            .removed = "",  // its journal of four blocks and their programs is one piece
            .missing = program_.empty() ? "the program zpaq is not installed (zpaq)" : "",
            .is_program = true};
  }

  Bytes Compress(std::span<const uint8_t> original, Form) const override {
    const WorkFolder folder;
    WriteFile(folder.path() + "/d", original);
    folder.Run(program_, {"add", "d.zpaq", "d", "-m5", "-t1"});
    return ReadFile(folder.path() + "/d.zpaq");
  }

  Bytes Decompress(std::span<const uint8_t> compressed, size_t, Form) const override {
    const WorkFolder folder;
    WriteFile(folder.path() + "/d.zpaq", compressed);
    folder.Run(program_, {"extract", "d.zpaq", "d", "-t1"});
    return ReadFile(folder.path() + "/d");
  }

 private:
  std::string program_;
};

}  // namespace

std::unique_ptr<ClassicalCodec> ZpaqCodec() { return std::make_unique<Zpaq>(); }

}  // namespace occam
