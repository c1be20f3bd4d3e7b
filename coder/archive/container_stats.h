// The sizes of an .occ file's parts, in bytes and segments.
#ifndef OCCAM_CODER_ARCHIVE_CONTAINER_STATS_H_
#define OCCAM_CODER_ARCHIVE_CONTAINER_STATS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "coder/container/container_format.h"

namespace occam {

// Real sizes, as written or read.
struct ContainerStats {
  uint64_t original_bytes = 0;
  uint64_t payload_bytes = 0;
  uint64_t lost_bit_bytes = 0;  // of the payload: bits that a tokenizer loses; when compressing
  uint64_t model_bytes = 0;     // of the model in the file
  uint64_t file_bytes = 0;
  uint64_t segments = 0;
  std::array<uint64_t, kMethodCount> method_segments{};  // by CodingMethod
  uint64_t header_bytes() const { return file_bytes - payload_bytes - model_bytes; }

  // Adds those of another archive.
  void Add(const ContainerStats& other) {
    original_bytes += other.original_bytes;
    payload_bytes += other.payload_bytes;
    lost_bit_bytes += other.lost_bit_bytes;
    model_bytes += other.model_bytes;
    file_bytes += other.file_bytes;
    segments += other.segments;
    for (size_t i = 0; i < kMethodCount; ++i) method_segments[i] += other.method_segments[i];
  }
  void Add(const SegmentHeader& header) {
    original_bytes += header.original_bytes;
    payload_bytes += header.payload_bytes;
    ++segments;
    ++method_segments[static_cast<size_t>(header.method)];
  }
};

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_CONTAINER_STATS_H_
