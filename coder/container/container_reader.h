// Reads the records of an archive in order and believes none of them unchecked
// (coder/container/container_format.h). An .occ file is an archive, or several
// (coder/container/archives.h).
#ifndef OCCAM_CODER_CONTAINER_CONTAINER_READER_H_
#define OCCAM_CODER_CONTAINER_CONTAINER_READER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "coder/container/container_format.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/memory.h"

namespace occam {

struct SegmentRecord {
  SegmentHeader header;
  Bytes payload;  // matches its hash
};

// Reads exactly `count` more bytes. `*position` is where in the source the next one is; `what` they
// are is for the message. Memory grows with what is really there, whatever a length field said.
// Throws kDamaged where the source ends before, kMemory where more than the limit is there, and
// kIo.
Bytes TakeBytes(ByteSource& source, uint64_t* position, uint64_t count, const char* what,
                uint64_t memory_bytes = kDefaultMemoryBytes);

// Throws kDamaged unless the payload has the header's hash; `name` is the file's.
void CheckPayload(const SegmentRecord& record, const std::string& name);

// Does not own the source. Every call throws kDamaged, with what and where, and kIo. Throws kMemory
// where the model block, or the index of all segments so far, is longer than the limit. Beside them
// the largest segment is in memory.
class ContainerReader {
 public:
  // Tells what becomes of a short archive whose check does not match.
  enum class Unsound { kRefuse, kTell };

  // Reads what stands before the segments: the file header and the model block, if there is one. A
  // short archive is read whole, and its check comes first.
  explicit ContainerReader(ByteSource& source, uint64_t memory_bytes = kDefaultMemoryBytes,
                           Unsound unsound = Unsound::kRefuse);
  ~ContainerReader();

  const FileHeader& header() const { return header_; }
  // The embedded model as it was written, empty where there is none. It matches its hash; whether
  // it is a model, and the one that the header names, is for others to find out.
  const Bytes& model() const { return model_; }
  uint64_t segments_begin() const { return segments_begin_; }  // where the first may stand
  bool is_short() const { return header_.version == kShortVersion; }
  // Tells what is wrong with a short archive (Unsound::kTell): nothing in it can be believed then.
  const std::string& damage() const { return damage_; }

  // The next segment; false at the end, when index and end record were found to agree with all that
  // was read. What follows the end record is left in the source.
  bool Next(SegmentRecord* record);

  uint64_t file_bytes() const { return position_; }            // read so far
  uint64_t original_bytes() const { return original_bytes_; }  // of the segments read so far

 private:
  Error DamagedHere(const std::string& what) const;
  Bytes Take(uint64_t count, const char* what);
  Bytes TakeRecord(uint8_t tag, uint64_t count, const char* what);  // the tag was read
  void ReadShort(Bytes begin, Unsound unsound);
  bool NextOfShort(SegmentRecord* record);
  void ReadModel();
  void ReadSegment(SegmentRecord* record);
  void ReadEnd();

  ByteSource& source_;
  uint64_t memory_bytes_;
  FileHeader header_;
  Bytes model_;
  uint64_t segments_begin_ = 0;
  std::vector<IndexEntry> index_;
  uint64_t original_bytes_ = 0;
  uint64_t position_ = 0;
  uint64_t chain_ = 0;
  bool last_seen_ = false;  // a segment that is not full
  // The segment of a short archive until Next has given it, and its length.
  std::unique_ptr<SegmentRecord> short_segment_;
  uint64_t short_bytes_ = 0;
  std::string damage_;
};

}  // namespace occam

#endif  // OCCAM_CODER_CONTAINER_CONTAINER_READER_H_
