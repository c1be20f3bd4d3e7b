// Checks that hold again after a change, so that a fuzzer gets past them to what they guard.
#ifndef OCCAM_TESTS_FUZZ_MEND_H_
#define OCCAM_TESTS_FUZZ_MEND_H_

#include "data/base/file.h"

namespace occam::fuzz {

// Gives an .occ file's header, model block and segments the checks that their bytes have, as far as
// the records follow each other (docs/spec/occ.md). Where `whole`, an index and an end record that
// fit them take the place of all that stands after them.
void MendArchive(bool whole, Bytes* file);

// Gives a flat model the length and the digest of its bytes. A coded one is left as it is.
void MendModel(Bytes* model);

}  // namespace occam::fuzz

#endif  // OCCAM_TESTS_FUZZ_MEND_H_
