#include "coder/archive/segment_plan.h"

#include <algorithm>
#include <vector>

#include "coder/archive/compressor.h"
#include "data/base/error.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"

namespace occam {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kCache = 32 * kMiB;

std::vector<SegmentWork> WorkOfFile(uint64_t bytes, ContextMode mode) {
  const FileHeader header = DefaultHeader(2048, mode);
  std::vector<SegmentWork> work;
  for (uint64_t rest = bytes; rest > 0;) {
    const auto size = static_cast<uint32_t>(std::min<uint64_t>(rest, header.segment_bytes()));
    work.push_back(WorkOf(size, CodingMethod::kModel, header));
    rest -= size;
  }
  return work;
}

int FirstOf(uint64_t bytes, ContextMode mode, int threads) {
  return SegmentsAtOnce(WorkOfFile(bytes, mode), threads, kCache);
}

}  // namespace

TEST_CASE("Segment plan: many equal segments are taken one a thread") {
  for (const int threads : {1, 2, 3, 8, 16})
    CHECK(FirstOf(static_cast<uint64_t>(threads) * kMiB / 2, ContextMode::kChunked, threads) ==
          threads);
}

TEST_CASE("Segment plan: one segment is shared by all threads") {
  for (const int threads : {1, 2, 16, 64})
    CHECK(FirstOf(1000, ContextMode::kChunked, threads) == 1);
}

TEST_CASE("Segment plan: a full segment and a short one after it are both shared") {
  // Alone, the full one would take longer than both one after the other.
  CHECK(FirstOf(3 * kMiB, ContextMode::kCarried, 2) == 1);
  CHECK(FirstOf(4 * kMiB, ContextMode::kCarried, 2) == 2);
}

TEST_CASE("Segment plan: a few more segments than half the threads leave none idle") {
  // Ten segments one a thread would leave six of sixteen threads without work.
  CHECK(FirstOf(20 * kMiB, ContextMode::kCarried, 16) == 8);
}

TEST_CASE("Segment plan: threads share segments whose lanes would not stay in the cache") {
  std::vector<SegmentWork> work = WorkOfFile(8 * kMiB, ContextMode::kChunked);  // 16 segments
  for (SegmentWork& w : work) w.lane_bytes = kMiB / 2;
  CHECK(SegmentsAtOnce(work, 16, 512 * kMiB) == 16);
  CHECK(SegmentsAtOnce(work, 16, 128 * kMiB) == 8);
  CHECK(SegmentsAtOnce(work, 16, 64 * kMiB) == 4);
  CHECK(SegmentsAtOnce(std::span(work).first(2), 2, 32 * kMiB) == 2);
  CHECK(SegmentsAtOnce(std::span(work).first(1), 1, kMiB) == 1);
  CHECK(SharedCacheBytes() > 0);
}

TEST_CASE("Segment plan: segments without the network cost nothing") {
  const FileHeader header = DefaultHeader(2048);
  CHECK(WorkOf(1000, CodingMethod::kStored, header).lanes == 0);
  CHECK(WorkOf(1000, CodingMethod::kOrder2, header).lanes == 0);
  const std::vector<SegmentWork> work(5);
  CHECK(SegmentsAtOnce(work, 3, kCache) == 3);
}

TEST_CASE("Segment plan: any number of threads and segments makes the same file") {
  constexpr uint32_t kContext = 4096;  // segments of 512 KiB
  const CodecModel model = ChainModel(kContext);
  for (const size_t segments : {1, 3, 5}) {
    const Bytes original = ChainBytes(segments * 524288 - 300000, kContext, segments);
    const Bytes file = CompressBytes(original, &model, 1);
    for (const int threads : {2, 4, 7}) {
      REQUIRE(CompressBytes(original, &model, threads) == file);
      REQUIRE(DecompressBytes(file, &model, threads) == original);
    }
  }
}

}  // namespace occam
