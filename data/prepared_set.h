// A prepared set: bytes to train on and bytes to validate on, so that everybody means the same
// bytes. It is made from photographs, speech, random numbers or files.
//
// On the disk it is NAME.set, a plain file, the training part first, the validation part after it,
// nothing else; anything can read it. Beside it lies its description, NAME.set.json:
//
//   {"format": "occam prepared set", "version": 1, "kind": "images",
//    "method": what was done, in words, with all options,
//    "record_bytes": 2048,            what must not be cut; 1 where the bytes are one stream
//    "shape": [32, 64],               of a record of an image: rows, columns; else absent
//    "sample_rate_hz": 16000,         of sound; else absent
//    "train_bytes", "validation_bytes", "sha256", "train_sha256", "validation_sha256",
//    "lost_bits": {"bit": "top" or "bottom", "train_ones", "validation_ones", "sha256"},
//                                     where the bytes are values of 7 bits, see seven_bits.h; the
//                                     bits are in NAME.set.lost: those of the training part, filled
//                                     up to a byte, then those of the validation part
//    "sources": [{"name", "sha256", "part": "train", "validation" or "both", "bytes"}, ...]}
//                                     "sha256" of the file that was read, "bytes" that it gave
//
// Nothing in it depends on the clock or on where files lie: the same sources and options give the
// same three files.
#ifndef OCCAM_DATA_PREPARED_SET_H_
#define OCCAM_DATA_PREPARED_SET_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/base/file.h"
#include "data/base/units.h"
#include "data/tokenizer/seven_bits.h"

namespace occam {

struct SetInput {
  std::string name;
  std::string sha256;
  std::string part;
  int64_t bytes = 0;
};

struct LostBitsDescription {
  LostBit bit = LostBit::kTop;
  int64_t train_ones = 0;
  int64_t validation_ones = 0;
  std::string sha256;
};

struct SetDescription {
  std::string kind;
  std::string method;
  int64_t record_bytes = 1;
  int rows = 0;  // of a record of an image, else 0
  int columns = 0;
  int sample_rate_hz = 0;  // of sound, else 0
  int64_t train_bytes = 0;
  int64_t validation_bytes = 0;
  std::string sha256;  // of all, and of the parts
  std::string train_sha256;
  std::string validation_sha256;
  std::optional<LostBitsDescription> lost_bits;
  std::vector<SetInput> sources;

  ByteRange train() const { return {0, train_bytes}; }
  ByteRange validation() const { return {train_bytes, train_bytes + validation_bytes}; }
};

struct PreparedSet {
  Bytes bytes;  // [train_bytes + validation_bytes]
  Bytes lost;   // the contents of NAME.set.lost; empty where no bits were taken
  SetDescription description;
};

bool IsSetName(const std::string& path);                   // "NAME.set"
std::string DescriptionPath(const std::string& set_path);  // "NAME.set.json"
std::string LostBitsPath(const std::string& set_path);     // "NAME.set.lost"
// Returns the paths of all files that a set may have: these three.
std::vector<std::string> FilesOfSet(const std::string& set_path);

// Fills in the digests from bytes and sizes.
void SetDigests(PreparedSet* set);

// Takes a bit from each byte; see seven_bits.h. Once.
void TakeLostBits(LostBit which, PreparedSet* set);

// Throws kUsage unless it is a set's name; kIo where one of the files of a set exists, unless
// `overwrite`.
void CheckSetPath(const std::string& path, bool overwrite);

// Writes the files. Where that fails, what was there stays as it was. Throws kIo; also as
// CheckSetPath.
void SaveSet(const std::string& path, const PreparedSet& set, bool overwrite);

// Throws kIo (missing, unreadable), kDamaged (no description of ours, or of a later version).
SetDescription LoadDescription(const std::string& set_path);

// Throws kDamaged unless these are the bytes that the description tells of.
void CheckSet(const SetDescription& description, std::span<const uint8_t> bytes,
              const std::string& path);

}  // namespace occam

#endif  // OCCAM_DATA_PREPARED_SET_H_
