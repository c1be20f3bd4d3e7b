// The handles and types of libhdf5 that reading and writing HDF5 files share. Only
// model/checkpoint/h5_reader.cc and model/checkpoint/h5_writer.cc include this.
#ifndef OCCAM_MODEL_CHECKPOINT_H5_HANDLE_H_
#define OCCAM_MODEL_CHECKPOINT_H5_HANDLE_H_

#include <hdf5.h>

#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "data/base/format.h"
#include "model/checkpoint/h5_file.h"

namespace occam {

constexpr size_t kH5GrowthBytes = 1 << 22;

// An identifier of libhdf5 and how to close it. Failures are negative identifiers.
class H5Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  H5Handle() = default;
  H5Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  H5Handle(H5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), closer_(other.closer_) {}
  H5Handle& operator=(H5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(closer_, other.closer_);
    return *this;
  }
  ~H5Handle() {
    if (ok()) closer_(id_);
  }
  bool ok() const { return id_ >= 0; }
  hid_t get() const { return id_; }

 private:
  hid_t id_ = -1;
  Closer closer_ = nullptr;
};

// libhdf5 prints its errors on its own; not while this lives.
class H5Silence {
 public:
  H5Silence() {
    H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  H5Silence(const H5Silence&) = delete;
  H5Silence& operator=(const H5Silence&) = delete;
  ~H5Silence() { H5Eset_auto2(H5E_DEFAULT, print_, data_); }

 private:
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

// Returns whether the last call of libhdf5 failed for want of memory.
inline bool H5LacksMemory() {
  bool lacks = false;
  const auto look = [](unsigned, const H5E_error2_t* error, void* found) -> herr_t {
    if (error->maj_num == H5E_RESOURCE || error->min_num == H5E_NOSPACE ||
        error->min_num == H5E_CANTALLOC)
      *static_cast<bool*>(found) = true;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, +look, &lacks);
  return lacks;
}

template <typename T>
struct H5Types;
template <>
struct H5Types<float> {
  static hid_t Stored() { return H5T_IEEE_F32LE; }
  static hid_t Native() { return H5T_NATIVE_FLOAT; }
};
template <>
struct H5Types<double> {
  static hid_t Stored() { return H5T_IEEE_F64LE; }
  static hid_t Native() { return H5T_NATIVE_DOUBLE; }
};
template <>
struct H5Types<uint8_t> {
  static hid_t Stored() { return H5T_STD_U8LE; }
  static hid_t Native() { return H5T_NATIVE_UINT8; }
};
template <>
struct H5Types<int32_t> {
  static hid_t Stored() { return H5T_STD_I32LE; }
  static hid_t Native() { return H5T_NATIVE_INT32; }
};
template <>
struct H5Types<int64_t> {
  static hid_t Stored() { return H5T_STD_I64LE; }
  static hid_t Native() { return H5T_NATIVE_INT64; }
};

// A file that is in memory only. libhdf5 takes two open files of one name for the same file, and
// refuses a name that is on the disk. So the name is made from an address and can be on no disk.
inline std::string H5MemoryName(const void* owner) { return fmt::format("/dev/null/{}", owner); }

inline H5Handle H5MemoryAccess() {
  H5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access.get(), kH5GrowthBytes, /*backing_store=*/0);
  return access;
}

inline int64_t H5Elements(const H5Shape& shape) {
  int64_t product = 1;
  for (const int64_t n : shape) product *= n;
  return product;
}

inline H5Handle H5Space(const H5Shape& shape) {
  const std::vector<hsize_t> sizes(shape.begin(), shape.end());
  return {H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr), H5Sclose};
}

inline H5Handle H5ScalarSpace() { return {H5Screate(H5S_SCALAR), H5Sclose}; }

inline H5Handle H5StringType(size_t size) {
  H5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), size);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

// libhdf5 wants an address even where nothing is read or written.
template <typename T>
T* H5AddressOf(std::span<T> values, std::remove_const_t<T>* instead) {
  return values.empty() ? instead : values.data();
}

}  // namespace occam

#endif  // OCCAM_MODEL_CHECKPOINT_H5_HANDLE_H_
