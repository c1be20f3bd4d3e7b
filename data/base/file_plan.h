// The plan of a command for its files, checked before it does anything. No file is lost by being
// two things at once.
#ifndef OCCAM_DATA_BASE_FILE_PLAN_H_
#define OCCAM_DATA_BASE_FILE_PLAN_H_

#include <map>
#include <string>
#include <vector>

namespace occam {

// A command tells all files that it will read, write or remove. A file that it writes must be none
// that it reads, and none that it writes or removes under another role; a file that it removes must
// be none that it reads under another role. Files are told apart by device and inode, those that
// are not there yet by folder and name. Devices, pipes and terminals are not looked at: what is
// written there replaces nothing.
//
// `path` may be "-": standard input where it is read, standard output where it is written. `role`
// says what the file is to the command, "the model" or "an input". Each call throws kUsage where a
// file would be lost; the message names both roles.
class FilePlan {
 public:
  void Read(const std::string& path, const std::string& role) { Add(path, role, Use::kRead); }
  void Write(const std::string& path, const std::string& role) { Add(path, role, Use::kWrite); }
  void Remove(const std::string& path, const std::string& role) { Add(path, role, Use::kRemove); }

 private:
  enum class Use { kRead, kWrite, kRemove };
  struct Entry {
    std::string path;
    std::string role;
    Use use;
    bool operator==(const Entry&) const = default;
  };
  // Device, inode and, of a file that is not there, its name in that folder.
  struct Place {
    unsigned long long device;
    unsigned long long inode;
    std::string name;
    auto operator<=>(const Place&) const = default;
  };

  void Add(const std::string& path, const std::string& role, Use use);
  static bool Find(const std::string& path, Use use, Place* place);
  static bool Conflict(const Entry& a, const Entry& b);

  std::map<Place, std::vector<Entry>> files_;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_FILE_PLAN_H_
