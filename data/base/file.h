// Files and pipes: reading in pieces, and writing so that a failure leaves nothing behind.
#ifndef OCCAM_DATA_BASE_FILE_H_
#define OCCAM_DATA_BASE_FILE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/base/file_attributes.h"

namespace occam {

using Bytes = std::vector<uint8_t>;

// A place that bytes come from, in order. Not thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills `out` unless the end comes first; returns the number of bytes read. Fewer than asked for
  // means the end. Throws kIo.
  virtual size_t Read(std::span<uint8_t> out) = 0;
  // The total size where it is known (a regular file), for progress and time left.
  virtual std::optional<uint64_t> size_bytes() const { return std::nullopt; }
  // Makes the byte at `position`, counted from where this source began, the next to be read
  // (nothing where it is past the end). False, and nothing changes, where only reading on is
  // possible: a pipe. Throws kIo.
  virtual bool Seek(uint64_t /*position*/) { return false; }
  // Returns the attributes of a regular file that was opened by its name, else nothing.
  virtual std::optional<FileAttributes> attributes() const { return std::nullopt; }
  // Returns the name that messages use.
  virtual std::string name() const = 0;
};

// A place that bytes go to. Nothing is visible under the final name before Commit; a sink destroyed
// without Commit removes what it wrote, where that can be (a pipe cannot take bytes back). Not
// thread-safe.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void Write(std::span<const uint8_t> bytes) = 0;  // Throws kIo.
  // Has Commit give a file these attributes as far as it can have them (GiveAttributes). Without
  // this call it has the permissions of a new file. Until Commit nobody else may read it.
  virtual void SetAttributes(const FileAttributes& /*attributes*/) {}
  virtual void Commit() = 0;  // Flushes; files: syncs and renames. Throws kIo.
  virtual std::string name() const = 0;
};

// A file opened for reading, or standard input for "-". Throws kIo (missing, unreadable, a
// directory). `stop` may be null. Who waits for a pipe's next bytes when a signal handler makes it
// true gets kIo within a fifth of a second.
std::unique_ptr<ByteSource> OpenSource(const std::string& path,
                                       const std::atomic<bool>* stop = nullptr);

// A file that appears under `path` only when committed (until then it has no name or, where that
// cannot be, PATH.partial-XXXXXX, X being anything, locked by flock; synced, renamed), or standard
// output for "-". PATH is cut short there where a name would be longer than the file system takes.
// An existing file is an error (kIo) unless `overwrite`. Names that are no regular file (a device,
// a named pipe) are written to directly.
std::unique_ptr<ByteSink> OpenSink(const std::string& path, bool overwrite);

// Sources and sinks in memory, for tests and small data. The source does not own its bytes.
std::unique_ptr<ByteSource> MemorySource(std::span<const uint8_t> bytes,
                                         std::string name = "memory");
std::unique_ptr<ByteSink> MemorySink(Bytes* out);

Bytes ReadFile(const std::string& path);  // All of it. Throws kIo.
Bytes ReadAll(ByteSource& source);

// Removes the temporaries that processes killed while writing `path` left beside it; those of a
// process that still writes stay. Where the folder cannot be read, or a file not be removed,
// nothing happens: they harm nobody.
void RemoveLeftovers(const std::string& path);

// Removes the temporary names of all files that this process writes: for a process that ends before
// its sinks do. None of them can be committed any more.
void RemoveUnfinished();

void WriteFile(const std::string& path,
               std::span<const uint8_t> bytes);  // Through OpenSink, overwriting.

struct NamedContents {
  std::string path;
  std::span<const uint8_t> bytes;
};

// Writes files that belong together, and replaces what has their names, one after the other. Where
// one of them cannot be written, all names hold what they held before. Throws kIo.
void WriteTogether(std::span<const NamedContents> files);

// Removes the file that was opened under this name, when it had these attributes. Throws kIo where
// it cannot be removed, and where the name holds another file or other bytes by now: nobody has
// read those.
void RemoveRead(const std::string& path, const FileAttributes& opened);

}  // namespace occam

#endif  // OCCAM_DATA_BASE_FILE_H_
