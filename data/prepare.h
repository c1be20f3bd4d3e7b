// Makes prepared sets: photographs, speech, random numbers, files.
#ifndef OCCAM_DATA_PREPARE_H_
#define OCCAM_DATA_PREPARE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/file_list.h"
#include "data/prepared_set.h"

namespace occam {

// Called before each file with the number of files done; what it throws ends the work.
using PreparationProgress = std::function<void(size_t done, const std::string& name)>;

// The parting of files: sorted by their names, the last ones are the validation part, the others
// the training part.
struct FileSplit {
  int64_t validation_files = 0;  // 0 to all of them
  // Groups files, such as the recordings of a speaker, whose names (folders apart) are the same
  // before this character; 0: does not. Groups are then sorted and counted instead of files, so
  // that no group is in both parts.
  char group_by = 0;
};

struct PatchChoice {
  int64_t per_photograph = 0;  // at most, of each grid; 0: all
  int grids = 1;      // of a training photograph: ShiftedForGrid(_, 0 ... grids - 1, grids)
  uint64_t seed = 1;  // of the choice, which is another one for each photograph
};

enum class FileKind { kImages, kSpeech };

// The files of all `inputs` (data/file_list.h), none twice, sorted by name. Of folders those that
// the kind knows by their extensions; `*left_out`, which may be null, becomes the number of the
// others.
std::vector<ListedFile> ListInputs(const std::vector<std::string>& inputs, FileKind kind,
                                   size_t* left_out = nullptr);

// A file that cannot be used, and why: one that is damaged, of another format, or too small.
struct UnusableFile {
  std::string path;
  std::string why;
};

// Reads and decodes every file, and takes those out of the list that cannot be used. Throws kIo,
// and kUsage where none is left.
std::vector<UnusableFile> RemoveUnusable(FileKind kind, std::vector<ListedFile>* files,
                                         const PreparationProgress& progress);

// Patches of data/patches.h of gray images of data/image.h, one record each. Throws as those, and
// kUsage (no file, an image smaller than a patch, more validation files than files). Several grids
// show a model more of the same photographs; what is held out is always cut by the first alone.
PreparedSet PrepareImages(const std::vector<ListedFile>& files, const FileSplit& split,
                          const PatchChoice& choice, const PreparationProgress& progress);

// Samples of data/speech.h, the files one after the other. Throws as that, and kUsage (no file,
// more validation files than files).
PreparedSet PrepareSpeech(const std::vector<ListedFile>& files, const FileSplit& split,
                          const PreparationProgress& progress);

// `bytes` random bytes: the numbers of Random(seed), least significant byte first. The last
// `validation_bytes` of them are the validation part.
PreparedSet PrepareRandom(int64_t bytes, uint64_t seed, int64_t validation_bytes);

// A corpus as it is (data/corpus.h), parted by these texts as MakeSplit does; what is in neither
// part is left out. Throws as LoadCorpus and MakeSplit; kUsage for what is a prepared set already.
PreparedSet PrepareBytes(const std::string& where, const std::string& train_text,
                         const std::string& val_text);

}  // namespace occam

#endif  // OCCAM_DATA_PREPARE_H_
