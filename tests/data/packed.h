// Compressed forms of bytes, for tests of what unpacks them.
#ifndef OCCAM_TESTS_DATA_PACKED_H_
#define OCCAM_TESTS_DATA_PACKED_H_

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <span>
#include <stdexcept>

#include "data/base/file.h"

namespace occam {

inline Bytes Gzipped(std::span<const uint8_t> bytes) {
  z_stream stream{};
  constexpr int kGzip = 16;
  if (deflateInit2(&stream, 9, Z_DEFLATED, kGzip + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("zlib");
  Bytes packed(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("zlib");
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

inline Bytes Xzed(std::span<const uint8_t> bytes) {
  Bytes packed(lzma_stream_buffer_bound(bytes.size()));
  size_t size = 0;
  if (lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr, bytes.data(), bytes.size(),
                              packed.data(), &size, packed.size()) != LZMA_OK) {
    throw std::runtime_error("liblzma");
  }
  packed.resize(size);
  return packed;
}

inline Bytes Zstded(std::span<const uint8_t> bytes) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  Bytes packed(ZSTD_compressBound(bytes.size()));
  const size_t size =
      ZSTD_compress2(context, packed.data(), packed.size(), bytes.data(), bytes.size());
  ZSTD_freeCCtx(context);
  if (ZSTD_isError(size) != 0) throw std::runtime_error("libzstd");
  packed.resize(size);
  return packed;
}

}  // namespace occam

#endif  // OCCAM_TESTS_DATA_PACKED_H_
