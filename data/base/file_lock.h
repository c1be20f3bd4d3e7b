// Says to other processes that something is worked on: an advisory lock of the operating system
// (flock), which goes with its process, however that ends.
#ifndef OCCAM_DATA_BASE_FILE_LOCK_H_
#define OCCAM_DATA_BASE_FILE_LOCK_H_

#include <functional>
#include <string>

namespace occam {

class FileLock {
 public:
  enum class Outcome {
    kHeld,
    kTaken,        // another holds it
    kUnsupported,  // the file system has no locks
  };
  using LockCall = std::function<int(int fd, int operation)>;

  // Tries once, without waiting. `path` is a file for the lock alone: it is made where it is
  // missing, and tells who holds the lock. Throws kIo where it cannot be made. `lock` is flock(2),
  // or what tests put in its place; empty: the operating system's.
  explicit FileLock(std::string path, const LockCall& lock = {});
  // Gives the lock back and removes the file. A process that is killed leaves the file, which the
  // next one takes over.
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  Outcome outcome() const { return outcome_; }
  // Returns who holds a lock that is kTaken: "process 1234 on host", as the holder wrote it. It is
  // empty where the holder has not written yet.
  const std::string& holder() const { return holder_; }

 private:
  bool IsNamed() const;
  std::string ReadHolder() const;
  void WriteHolder() const;

  std::string path_;
  int fd_ = -1;
  Outcome outcome_ = Outcome::kHeld;
  std::string holder_;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_FILE_LOCK_H_
