// HDF5 files in memory: the only place that knows libhdf5. What is on the disk is the business of
// those who call this (data/base/file.h), so that nothing half-written is ever seen.
//
// libhdf5 may crash on damaged data: give H5Reader only what a digest has vouched for. libhdf5 is
// not thread-safe: one thread at a time uses any object of this file. It prints nothing while one
// lives.
//
// T is float, double, uint8_t, int32_t or int64_t, stored as exactly that type, little-endian.
// Paths are absolute: "/weights/head".
#ifndef OCCAM_MODEL_CHECKPOINT_H5_FILE_H_
#define OCCAM_MODEL_CHECKPOINT_H5_FILE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/base/file.h"

namespace occam {

using H5Shape = std::vector<int64_t>;

// Keeps libhdf5 from closing what is open when the process ends, which may crash after a lack of
// memory. A program calls it before all else here. Objects of this file leave nothing open.
void KeepH5FromClosing();

// Builds a file. The same calls give the same bytes: no time stamps. Failures are kInternal, and
// kMemory for want of memory.
class H5Writer {
 public:
  // The file starts with `user_block_bytes` zeros for the caller to fill: 0, or a power of two from
  // 512 on.
  explicit H5Writer(int64_t user_block_bytes);
  ~H5Writer();
  H5Writer(const H5Writer&) = delete;
  H5Writer& operator=(const H5Writer&) = delete;

  // Parents must exist; "/" does. Names in paths hold no '/' or NUL.
  void CreateGroup(const std::string& path);
  // values.size() is the product of the shape, which may be 0.
  template <typename T>
  void WriteDataset(const std::string& path, const H5Shape& shape, std::span<const T> values);

  // Write attributes of a group: a scalar, and a list [n].
  template <typename T>
  void WriteAttribute(const std::string& group, const std::string& name, T value);
  template <typename T>
  void WriteAttributeList(const std::string& group, const std::string& name,
                          std::span<const T> values);
  // A string of fixed length; a text with a NUL in it, which that cannot hold, as uint8 [n].
  void WriteText(const std::string& group, const std::string& name, const std::string& text);

  // The whole file. Nothing may be written after it.
  Bytes Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads a file. `name` is for messages. What is missing, of another type or shape, or unreadable
// is kDamaged, with its path; so is what is not in the file as it is: links to elsewhere, other
// files' bytes, virtual, chunked and filtered data. libhdf5 is asked for none of it. A lack of
// memory is kMemory.
class H5Reader {
 public:
  // Copies the bytes, a user block before the HDF5 data included.
  H5Reader(std::span<const uint8_t> file, std::string name);
  ~H5Reader();
  H5Reader(const H5Reader&) = delete;
  H5Reader& operator=(const H5Reader&) = delete;

  bool Has(const std::string& path) const;
  // Names in a group, and of its attributes, sorted.
  std::vector<std::string> Members(const std::string& group) const;
  std::vector<std::string> Attributes(const std::string& group) const;

  H5Shape Shape(const std::string& path) const;
  // Never allocates more than the file's size, and all that is read never more than twice that.
  template <typename T>
  std::vector<T> ReadDataset(const std::string& path) const;
  // Into the caller's memory, out.size() being the product of the shape.
  template <typename T>
  void ReadDataset(const std::string& path, const H5Shape& shape, std::span<T> out) const;

  template <typename T>
  T ReadAttribute(const std::string& group, const std::string& name) const;
  template <typename T>
  std::vector<T> ReadAttributeList(const std::string& group, const std::string& name) const;
  std::string ReadText(const std::string& group, const std::string& name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace occam

#endif  // OCCAM_MODEL_CHECKPOINT_H5_FILE_H_
