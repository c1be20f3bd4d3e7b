#include "model/h5_file.h"

#include <fmt/format.h>
#include <hdf5.h>

#include <algorithm>
#include <utility>

#include "data/base/error.h"

namespace occam {
namespace {

constexpr size_t kGrowthBytes = 1 << 22;

// An identifier of libhdf5 and how to close it. Failures are negative identifiers.
class Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), closer_(other.closer_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(closer_, other.closer_);
    return *this;
  }
  ~Handle() {
    if (ok()) closer_(id_);
  }
  bool ok() const { return id_ >= 0; }
  hid_t get() const { return id_; }

 private:
  hid_t id_ = -1;
  Closer closer_ = nullptr;
};

// libhdf5 prints its errors on its own; not while this lives.
class Silence {
 public:
  Silence() {
    H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() { H5Eset_auto2(H5E_DEFAULT, print_, data_); }

 private:
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

template <typename T>
struct Types;
template <>
struct Types<float> {
  static hid_t Stored() { return H5T_IEEE_F32LE; }
  static hid_t Native() { return H5T_NATIVE_FLOAT; }
};
template <>
struct Types<double> {
  static hid_t Stored() { return H5T_IEEE_F64LE; }
  static hid_t Native() { return H5T_NATIVE_DOUBLE; }
};
template <>
struct Types<uint8_t> {
  static hid_t Stored() { return H5T_STD_U8LE; }
  static hid_t Native() { return H5T_NATIVE_UINT8; }
};
template <>
struct Types<int32_t> {
  static hid_t Stored() { return H5T_STD_I32LE; }
  static hid_t Native() { return H5T_NATIVE_INT32; }
};
template <>
struct Types<int64_t> {
  static hid_t Stored() { return H5T_STD_I64LE; }
  static hid_t Native() { return H5T_NATIVE_INT64; }
};

// A file that is in memory only. libhdf5 takes two open files of one name for the same file, and
// refuses a name that is on the disk, so the name is made from an address and can be on no disk.
std::string MemoryName(const void* owner) { return fmt::format("/dev/null/{}", owner); }

Handle MemoryAccess() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access.get(), kGrowthBytes, /*backing_store=*/0);
  return access;
}

int64_t Elements(const H5Shape& shape) {
  int64_t product = 1;
  for (const int64_t n : shape) product *= n;
  return product;
}

Handle Space(const H5Shape& shape) {
  const std::vector<hsize_t> sizes(shape.begin(), shape.end());
  return {H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr), H5Sclose};
}

Handle ScalarSpace() { return {H5Screate(H5S_SCALAR), H5Sclose}; }

Handle StringType(size_t size) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), size);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

// libhdf5 wants an address even where nothing is read or written.
template <typename T>
T* AddressOf(std::span<T> values, std::remove_const_t<T>* instead) {
  return values.empty() ? instead : values.data();
}

}  // namespace

struct H5Writer::Impl {
  Silence silence;
  int64_t user_block_bytes = 0;
  Handle file;

  static void Require(bool holds, const std::string& what) {
    if (!holds) throw InternalError("HDF5: cannot write " + what);
  }

  void WriteAttribute(const std::string& group, const std::string& name, const Handle& stored_type,
                      hid_t native_type, const Handle& space, const void* values) const {
    const std::string what = group + " attribute '" + name + "'";
    Require(!name.empty() && name.find('\0') == std::string::npos, what);
    const Handle object(H5Oopen(file.get(), group.c_str(), H5P_DEFAULT), H5Oclose);
    Require(object.ok(), what);
    const Handle attribute(H5Acreate2(object.get(), name.c_str(), stored_type.get(), space.get(),
                                      H5P_DEFAULT, H5P_DEFAULT),
                           H5Aclose);
    Require(attribute.ok() && H5Awrite(attribute.get(), native_type, values) >= 0, what);
  }
};

H5Writer::H5Writer(int64_t user_block_bytes) : impl_(std::make_unique<Impl>()) {
  impl_->user_block_bytes = user_block_bytes;
  const Handle access = MemoryAccess();
  // The format of libhdf5 1.8: attributes may be longer than 64 KiB, and every reader knows it.
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18);
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_userblock(creation.get(), static_cast<hsize_t>(user_block_bytes));
  H5Pset_obj_track_times(creation.get(), false);
  impl_->file = Handle(
      H5Fcreate(MemoryName(this).c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose);
  Impl::Require(impl_->file.ok(), "a file");
}

H5Writer::~H5Writer() = default;

void H5Writer::CreateGroup(const std::string& path) {
  const Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.get(), false);
  const Handle group(
      H5Gcreate2(impl_->file.get(), path.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
      H5Gclose);
  Impl::Require(group.ok(), path);
}

template <typename T>
void H5Writer::WriteDataset(const std::string& path, const H5Shape& shape,
                            std::span<const T> values) {
  Impl::Require(Elements(shape) == static_cast<int64_t>(values.size()), path);
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.get(), false);
  const Handle space = Space(shape);
  const Handle dataset(H5Dcreate2(impl_->file.get(), path.c_str(), Types<T>::Stored(), space.get(),
                                  H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                       H5Dclose);
  T nothing{};
  Impl::Require(dataset.ok() && H5Dwrite(dataset.get(), Types<T>::Native(), H5S_ALL, H5S_ALL,
                                         H5P_DEFAULT, AddressOf(values, &nothing)) >= 0,
                path);
}

template <typename T>
void H5Writer::WriteAttribute(const std::string& group, const std::string& name, T value) {
  const Handle type(H5Tcopy(Types<T>::Stored()), H5Tclose);
  impl_->WriteAttribute(group, name, type, Types<T>::Native(), ScalarSpace(), &value);
}

template <typename T>
void H5Writer::WriteAttributeList(const std::string& group, const std::string& name,
                                  std::span<const T> values) {
  const Handle type(H5Tcopy(Types<T>::Stored()), H5Tclose);
  const Handle space = Space({static_cast<int64_t>(values.size())});
  T nothing{};
  impl_->WriteAttribute(group, name, type, Types<T>::Native(), space, AddressOf(values, &nothing));
}

void H5Writer::WriteText(const std::string& group, const std::string& name,
                         const std::string& text) {
  if (text.find('\0') != std::string::npos) {
    const Bytes bytes(text.begin(), text.end());
    return WriteAttributeList<uint8_t>(group, name, bytes);
  }
  // There are no strings of no length; the empty text is one NUL, of which there is no other.
  const Handle type = StringType(std::max<size_t>(1, text.size()));
  impl_->WriteAttribute(group, name, type, type.get(), ScalarSpace(), text.c_str());
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

struct H5Reader::Impl {
  Silence silence;
  std::string name;
  size_t size_bytes = 0;
  Handle file;

  void Require(bool holds, const std::string& path, const char* what) const {
    if (!holds) throw DamagedError(fmt::format("{}: {} {}", name, path, what));
  }

  Handle Open(const std::string& path) const {
    Handle object(H5Oopen(file.get(), path.c_str(), H5P_DEFAULT), H5Oclose);
    Require(object.ok(), path, "is missing or unreadable");
    return object;
  }
  Handle OpenDataset(const std::string& path) const {
    Handle dataset(H5Dopen2(file.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
    Require(dataset.ok(), path, "is missing or no readable dataset");
    return dataset;
  }
  Handle OpenAttribute(const std::string& group, const std::string& attribute_name) const {
    const Handle object = Open(group);
    Handle attribute(H5Aopen(object.get(), attribute_name.c_str(), H5P_DEFAULT), H5Aclose);
    Require(attribute.ok(), Path(group, attribute_name), "is missing or unreadable");
    return attribute;
  }
  static std::string Path(const std::string& group, const std::string& attribute_name) {
    return group + " attribute '" + attribute_name + "'";
  }

  H5Shape ShapeOf(const Handle& space, const std::string& path) const {
    const int rank = space.ok() ? H5Sget_simple_extent_ndims(space.get()) : -1;
    Require(rank >= 0 && H5Sget_simple_extent_type(space.get()) != H5S_NULL, path, "has no shape");
    std::vector<hsize_t> sizes(static_cast<size_t>(rank));
    Require(H5Sget_simple_extent_dims(space.get(), sizes.data(), nullptr) >= 0, path,
            "has no shape");
    return {sizes.begin(), sizes.end()};
  }

  template <typename T>
  void RequireType(const Handle& type, const std::string& path) const {
    Require(type.ok() && H5Tequal(type.get(), Types<T>::Stored()) > 0, path,
            "is of another type than it should be");
  }

  // The elements of a shape that come from the file and are about to be allocated.
  size_t CheckedElements(const H5Shape& shape, size_t element_bytes,
                         const std::string& path) const {
    size_t product = 1;
    for (const int64_t n : shape) {
      Require(n >= 0 && (n == 0 || product <= size_bytes / static_cast<size_t>(n)), path,
              "is larger than the file");
      product *= static_cast<size_t>(n);
    }
    Require(product <= size_bytes / element_bytes, path, "is larger than the file");
    return product;
  }

  template <typename T>
  std::vector<T> ReadAttribute(const std::string& group, const std::string& attribute_name,
                               size_t rank) const {
    const std::string path = Path(group, attribute_name);
    const Handle attribute = OpenAttribute(group, attribute_name);
    RequireType<T>(Handle(H5Aget_type(attribute.get()), H5Tclose), path);
    const H5Shape shape = ShapeOf(Handle(H5Aget_space(attribute.get()), H5Sclose), path);
    Require(shape.size() == rank, path, "has a wrong shape");
    std::vector<T> values(CheckedElements(shape, sizeof(T), path));
    T nothing{};
    Require(
        H5Aread(attribute.get(), Types<T>::Native(), AddressOf(std::span(values), &nothing)) >= 0,
        path, "is unreadable");
    return values;
  }
};

H5Reader::H5Reader(std::span<const uint8_t> file, std::string name)
    : impl_(std::make_unique<Impl>()) {
  impl_->name = std::move(name);
  impl_->size_bytes = file.size();
  const Handle access = MemoryAccess();
  // It copies, though it takes an address to write to.
  const bool given =
      H5Pset_file_image(access.get(), const_cast<uint8_t*>(file.data()), file.size()) >= 0;
  if (given && !file.empty()) {
    impl_->file = Handle(H5Fopen(MemoryName(this).c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  }
  if (!impl_->file.ok()) throw DamagedError(impl_->name + " is no HDF5 file, or a damaged one");
}

H5Reader::~H5Reader() = default;

bool H5Reader::Has(const std::string& path) const {
  // H5Lexists wants all parents to exist.
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    if (H5Lexists(impl_->file.get(), path.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
    if (end == std::string::npos) return true;
  }
}

std::vector<std::string> H5Reader::Members(const std::string& group) const {
  std::vector<std::string> names;
  const Handle object = impl_->Open(group);
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  impl_->Require(
      H5Literate(object.get(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, +add, &names) >= 0, group,
      "is no readable group");
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> H5Reader::Attributes(const std::string& group) const {
  std::vector<std::string> names;
  const Handle object = impl_->Open(group);
  const auto add = [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  impl_->Require(
      H5Aiterate2(object.get(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, +add, &names) >= 0, group,
      "has unreadable attributes");
  std::sort(names.begin(), names.end());
  return names;
}

H5Shape H5Reader::Shape(const std::string& path) const {
  const Handle dataset = impl_->OpenDataset(path);
  return impl_->ShapeOf(Handle(H5Dget_space(dataset.get()), H5Sclose), path);
}

template <typename T>
std::vector<T> H5Reader::ReadDataset(const std::string& path) const {
  const H5Shape shape = Shape(path);
  std::vector<T> values(impl_->CheckedElements(shape, sizeof(T), path));
  ReadDataset<T>(path, shape, values);
  return values;
}

template <typename T>
void H5Reader::ReadDataset(const std::string& path, const H5Shape& shape, std::span<T> out) const {
  const Handle dataset = impl_->OpenDataset(path);
  impl_->RequireType<T>(Handle(H5Dget_type(dataset.get()), H5Tclose), path);
  impl_->Require(impl_->ShapeOf(Handle(H5Dget_space(dataset.get()), H5Sclose), path) == shape, path,
                 "has a wrong shape");
  if (Elements(shape) != static_cast<int64_t>(out.size())) {
    throw InternalError(path + ": the memory for it has a wrong size");
  }
  T nothing{};
  impl_->Require(H5Dread(dataset.get(), Types<T>::Native(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                         AddressOf(out, &nothing)) >= 0,
                 path, "is unreadable");
}

template <typename T>
T H5Reader::ReadAttribute(const std::string& group, const std::string& name) const {
  return impl_->ReadAttribute<T>(group, name, 0).front();
}

template <typename T>
std::vector<T> H5Reader::ReadAttributeList(const std::string& group,
                                           const std::string& name) const {
  return impl_->ReadAttribute<T>(group, name, 1);
}

std::string H5Reader::ReadText(const std::string& group, const std::string& name) const {
  const std::string path = Impl::Path(group, name);
  const Handle attribute = impl_->OpenAttribute(group, name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose);
  if (H5Tget_class(type.get()) != H5T_STRING) {
    const Bytes bytes = ReadAttributeList<uint8_t>(group, name);
    return {bytes.begin(), bytes.end()};
  }
  const size_t size = H5Tget_size(type.get());
  const Handle space(H5Aget_space(attribute.get()), H5Sclose);
  impl_->Require(H5Tis_variable_str(type.get()) == 0 &&
                     H5Sget_simple_extent_type(space.get()) == H5S_SCALAR &&
                     size <= impl_->size_bytes,
                 path, "is no string of a fixed length");
  std::string text(size, '\0');
  impl_->Require(H5Aread(attribute.get(), type.get(), text.data()) >= 0, path, "is unreadable");
  if (text == std::string(1, '\0')) text.clear();
  return text;
}

#define OCCAM_H5_INSTANTIATE(T)                                                                    \
  template void H5Writer::WriteDataset<T>(const std::string&, const H5Shape&, std::span<const T>); \
  template void H5Writer::WriteAttribute<T>(const std::string&, const std::string&, T);            \
  template void H5Writer::WriteAttributeList<T>(const std::string&, const std::string&,            \
                                                std::span<const T>);                               \
  template std::vector<T> H5Reader::ReadDataset<T>(const std::string&) const;                      \
  template void H5Reader::ReadDataset<T>(const std::string&, const H5Shape&, std::span<T>) const;  \
  template T H5Reader::ReadAttribute<T>(const std::string&, const std::string&) const;             \
  template std::vector<T> H5Reader::ReadAttributeList<T>(const std::string&, const std::string&)   \
      const;

OCCAM_H5_INSTANTIATE(float)
OCCAM_H5_INSTANTIATE(double)
OCCAM_H5_INSTANTIATE(uint8_t)
OCCAM_H5_INSTANTIATE(int32_t)
OCCAM_H5_INSTANTIATE(int64_t)
#undef OCCAM_H5_INSTANTIATE

}  // namespace occam
