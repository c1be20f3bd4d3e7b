// The text that a model is trained on or measured by, in memory, and its two parts.
#ifndef OCCAM_DATA_CORPUS_H_
#define OCCAM_DATA_CORPUS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/base/digest.h"
#include "data/base/file.h"
#include "data/base/units.h"
#include "data/prepared_set.h"

namespace occam {

struct Corpus {
  Bytes bytes;
  std::string name;                        // as it was asked for
  std::optional<SetDescription> set = {};  // what it is, where it is a prepared set

  // A part, and its SHA-256. The range must be within the bytes.
  std::span<const uint8_t> Part(const ByteRange& range) const;
  Sha256Digest DigestOf(const ByteRange& range) const;
};

// Reads
//   a file       whatever it is called,
//   a folder     all regular files in it and below (links to files are followed, links to folders
//                are not),
//   -            standard input,
//   a glob       (POSIX glob) all files and folders that match, where no file has that very name,
//   a name       enwik8 or enwik9, from CachePath(name), where no file has that very name.
// Several files follow one another with nothing between, in the byte order of their paths. Each may
// be compressed: see data/archive.h. A single file NAME.set is a prepared set
// (data/prepared_set.h). Throws kIo (missing, unreadable, nothing matches, a named corpus that was
// not fetched yet, a set without its description), kDamaged (a damaged archive or description;
// bytes that are not those of the description; a named corpus of a wrong size), kUsage (no byte at
// all).
Corpus LoadCorpus(const std::string& where);

// Returns the paths of all files that LoadCorpus reads. Throws as LoadCorpus does for files that
// are not there.
std::vector<std::string> CorpusFiles(const std::string& where);

// Returns where tools/fetch_enwik.sh puts a corpus that has a name: $OCCAM_CACHE/NAME, else
// $XDG_CACHE_HOME/occam/NAME, else ~/.cache/occam/NAME. Empty variables count as unset. Throws
// kUsage (no such name; none of the variables is set).
std::string CachePath(const std::string& name);

// Two parts of a corpus that do not overlap.
struct Split {
  ByteRange train;
  ByteRange validation;
};

// Makes a split from texts that choose the parts, empty where one is not chosen. A text is a range
// BEGIN:END (ParseByteRange) or a count N: the first N bytes for training, the last N for
// validation. Where it is not chosen, validation is the last 5 % of the corpus, at most 10 MB
// (10,000,000 bytes). Training is everything before the validation part, or after it when that
// starts at 0. Throws kUsage (not within the corpus, overlapping, empty).
Split MakeSplit(int64_t size_bytes, const std::string& train_text, const std::string& val_text);

// Returns the split of a corpus. A prepared set has its own, whose validation part may be empty,
// and takes no texts. Throws kUsage as MakeSplit does, and for a set without a training part.
Split SplitOf(const Corpus& corpus, const std::string& train_text, const std::string& val_text);

}  // namespace occam

#endif  // OCCAM_DATA_CORPUS_H_
