// Codecs that are programs: finding and running them on files in a folder of their own.
#ifndef OCCAM_CODER_BASELINES_PROGRAM_H_
#define OCCAM_CODER_BASELINES_PROGRAM_H_

#include <string>
#include <vector>

#include "data/base/file.h"

namespace occam {

// The first file of that name on $PATH that can be run; empty: there is none.
std::string FindProgram(const std::string& name);

// The first line of a text that is not empty, up to `end`: how programs name their version.
std::string FirstLine(const std::string& text, const std::string& end);

// A folder under $TMPDIR, else /tmp, that goes with all it holds when this goes. Throws kIo.
class WorkFolder {
 public:
  WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder();

  const std::string& path() const { return path_; }

  // Runs a program with this folder as its current one, nothing on its standard input, and waits.
  // Returns what it wrote to its standard output; its errors are lost. Throws kIo (it cannot be
  // started), kInternal (any end but this exit code).
  std::string Run(const std::string& program, const std::vector<std::string>& arguments,
                  int good_code = 0) const;

 private:
  std::string path_;
};

}  // namespace occam

#endif  // OCCAM_CODER_BASELINES_PROGRAM_H_
