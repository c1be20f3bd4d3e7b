#include <hdf5.h>

#include <algorithm>

#include "data/base/error.h"
#include "model/checkpoint/h5_file.h"
#include "model/checkpoint/h5_handle.h"

namespace occam {

void KeepH5FromClosing() { H5dont_atexit(); }

struct H5Writer::Impl {
  H5Silence silence;
  int64_t user_block_bytes = 0;
  H5Handle file;

  static void Require(bool holds, const std::string& what) {
    if (holds) return;
    if (H5LacksMemory()) throw MemoryError("not enough memory to write a checkpoint");
    throw InternalError("HDF5: cannot write " + what);
  }

  void WriteAttribute(const std::string& group, const std::string& name,
                      const H5Handle& stored_type, hid_t native_type, const H5Handle& space,
                      const void* values) const {
    const std::string what = group + " attribute '" + name + "'";
    Require(!name.empty() && name.find('\0') == std::string::npos, what);
    const H5Handle object(H5Oopen(file.get(), group.c_str(), H5P_DEFAULT), H5Oclose);
    Require(object.ok(), what);
    const H5Handle attribute(H5Acreate2(object.get(), name.c_str(), stored_type.get(), space.get(),
                                        H5P_DEFAULT, H5P_DEFAULT),
                             H5Aclose);
    Require(attribute.ok() && H5Awrite(attribute.get(), native_type, values) >= 0, what);
  }
};

H5Writer::H5Writer(int64_t user_block_bytes) : impl_(std::make_unique<Impl>()) {
  impl_->user_block_bytes = user_block_bytes;
  const H5Handle access = H5MemoryAccess();
  // The format of libhdf5 1.8: attributes may be longer than 64 KiB, and every reader knows it.
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18);
  const H5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_userblock(creation.get(), static_cast<hsize_t>(user_block_bytes));
  H5Pset_obj_track_times(creation.get(), false);
  impl_->file = H5Handle(
      H5Fcreate(H5MemoryName(this).c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose);
  Impl::Require(impl_->file.ok(), "a file");
}

H5Writer::~H5Writer() = default;

void H5Writer::CreateGroup(const std::string& path) {
  const H5Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.get(), false);
  const H5Handle group(
      H5Gcreate2(impl_->file.get(), path.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
      H5Gclose);
  Impl::Require(group.ok(), path);
}

template <typename T>
void H5Writer::WriteDataset(const std::string& path, const H5Shape& shape,
                            std::span<const T> values) {
  Impl::Require(H5Elements(shape) == static_cast<int64_t>(values.size()), path);
  const H5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.get(), false);
  const H5Handle space = H5Space(shape);
  const H5Handle dataset(H5Dcreate2(impl_->file.get(), path.c_str(), H5Types<T>::Stored(),
                                    space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                         H5Dclose);
  T nothing{};
  Impl::Require(dataset.ok() && H5Dwrite(dataset.get(), H5Types<T>::Native(), H5S_ALL, H5S_ALL,
                                         H5P_DEFAULT, H5AddressOf(values, &nothing)) >= 0,
                path);
}

template <typename T>
void H5Writer::WriteAttribute(const std::string& group, const std::string& name, T value) {
  const H5Handle type(H5Tcopy(H5Types<T>::Stored()), H5Tclose);
  impl_->WriteAttribute(group, name, type, H5Types<T>::Native(), H5ScalarSpace(), &value);
}

template <typename T>
void H5Writer::WriteAttributeList(const std::string& group, const std::string& name,
                                  std::span<const T> values) {
  const H5Handle type(H5Tcopy(H5Types<T>::Stored()), H5Tclose);
  const H5Handle space = H5Space({static_cast<int64_t>(values.size())});
  T nothing{};
  impl_->WriteAttribute(group, name, type, H5Types<T>::Native(), space,
                        H5AddressOf(values, &nothing));
}

void H5Writer::WriteText(const std::string& group, const std::string& name,
                         const std::string& text) {
  if (text.find('\0') != std::string::npos) {
    const Bytes bytes(text.begin(), text.end());
    return WriteAttributeList<uint8_t>(group, name, bytes);
  }
  // There are no strings of no length; the empty text is one NUL, of which there is no other.
  const H5Handle type = H5StringType(std::max<size_t>(1, text.size()));
  impl_->WriteAttribute(group, name, type, type.get(), H5ScalarSpace(), text.c_str());
}

Bytes H5Writer::Finish() {
  const hid_t file = impl_->file.get();
  void** memory = nullptr;
  const bool flushed = H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0 &&
                       H5Fget_vfd_handle(file, H5P_DEFAULT, reinterpret_cast<void**>(&memory)) >= 0;
  Impl::Require(flushed && memory != nullptr, "a file");
  // The copy that H5Fget_file_image makes does not open again: libhdf5 1.10 changes a flag in it,
  // but not the checksum over that. Its size, which leaves out the user block, is right.
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  Impl::Require(size > 0, "a file");
  const auto* begin = static_cast<const uint8_t*>(*memory);
  Bytes image(begin, begin + impl_->user_block_bytes + size);
  std::fill_n(image.begin(), impl_->user_block_bytes, uint8_t{0});
  return image;
}

#define OCCAM_H5_INSTANTIATE(T)                                                                    \
  template void H5Writer::WriteDataset<T>(const std::string&, const H5Shape&, std::span<const T>); \
  template void H5Writer::WriteAttribute<T>(const std::string&, const std::string&, T);            \
  template void H5Writer::WriteAttributeList<T>(const std::string&, const std::string&,            \
                                                std::span<const T>);

OCCAM_H5_INSTANTIATE(float)
OCCAM_H5_INSTANTIATE(double)
OCCAM_H5_INSTANTIATE(uint8_t)
OCCAM_H5_INSTANTIATE(int32_t)
OCCAM_H5_INSTANTIATE(int64_t)
#undef OCCAM_H5_INSTANTIATE

}  // namespace occam
