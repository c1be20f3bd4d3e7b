#include "coder/entropy/streams.h"

#include <vector>

#include "tests/catch.h"
#include "tests/coder/test_support.h"

namespace occam {

TEST_CASE("Streams: one payload gives them back, and one stream is the payload") {
  const std::vector<Bytes> streams = {RandomBytes(300, 1), {}, RandomBytes(127, 2), Bytes{7}};
  for (size_t count = 1; count <= streams.size(); ++count) {
    const std::vector<Bytes> some(streams.begin(),
                                  streams.begin() + static_cast<std::ptrdiff_t>(count));
    const Bytes payload = JoinStreams(some);
    const auto cut = CutStreams(payload, count);
    REQUIRE(cut);
    REQUIRE(cut->size() == count);
    for (size_t i = 0; i < count; ++i) CHECK(Bytes((*cut)[i].begin(), (*cut)[i].end()) == some[i]);
  }
  CHECK(JoinStreams(std::span(streams).first(1)) == streams[0]);
  CHECK(JoinStreams(streams).size() == 300 + 127 + 1 + 2 + 1 + 1);
}

TEST_CASE("Streams: lengths that are cut, too long, or written otherwise are refused") {
  CHECK_FALSE(CutStreams({}, 2));
  CHECK_FALSE(CutStreams(Bytes{0x80}, 2));
  CHECK_FALSE(CutStreams(Bytes{2, 1}, 2));           // more than there is
  CHECK_FALSE(CutStreams(Bytes{0x80, 0, 1, 1}, 2));  // 0 in two bytes
  CHECK_FALSE(CutStreams(Bytes(20, 0xff), 2));       // endless
  CHECK_FALSE(CutStreams(Bytes{0xff, 0xff, 0xff, 0xff, 0x7f}, 2));
  CHECK(CutStreams(Bytes{2, 1, 1}, 2)->back().empty());
  CHECK(CutStreams({}, 1)->front().empty());
}

}  // namespace occam
