// Lists the files that a folder, a glob or a name stands for.
#ifndef OCCAM_DATA_FILE_LIST_H_
#define OCCAM_DATA_FILE_LIST_H_

#include <string>
#include <vector>

namespace occam {

// A file that was found: where it is, and its path below the folder that was asked for (the file
// name where a file was). The latter does not depend on where that folder lies.
struct ListedFile {
  std::string path;
  std::string name;
};

// Returns the files that `where` stands for: itself, where it is a file; all regular files in it
// and below, where it is a folder (links to files are followed, links to folders are not); where no
// file has that very name, what a POSIX glob of it matches, files and folders. They come in the
// byte order of their paths, none twice. Throws kIo (missing, unreadable, nothing matches).
std::vector<ListedFile> ListFiles(const std::string& where);

// Does the same, but takes of folders only files whose names end with one of `extensions`, such as
// ".png", in any case. Names that begin with a dot are none of them. `*left_out` grows by the number
// of other files. Files that were named, or that a glob matched, come whatever their names are.
std::vector<ListedFile> ListFiles(const std::string& where,
                                  const std::vector<std::string>& extensions, size_t* left_out);

bool FileExists(const std::string& path);  // anything of that name; throws kIo

}  // namespace occam

#endif  // OCCAM_DATA_FILE_LIST_H_
