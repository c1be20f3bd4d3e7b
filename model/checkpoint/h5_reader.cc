#include <hdf5.h>

#include <algorithm>
#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/memory.h"
#include "model/checkpoint/h5_file.h"
#include "model/checkpoint/h5_handle.h"

namespace occam {

struct H5Reader::Impl {
  H5Silence silence;
  std::string name;
  size_t size_bytes = 0;
  mutable uint64_t read_bytes = 0;  // of datasets so far
  H5Handle file;

  // A failed call of libhdf5, which may have lacked memory, or something wrong in the file. To be
  // asked before the next call, which forgets why the one before failed.
  void Require(bool holds, const std::string& path, const char* what) const {
    if (holds) return;
    if (H5LacksMemory()) throw MemoryError("not enough memory to read " + name);
    throw DamagedError(fmt::format("{}: {} {}", name, path, what));
  }

  // libhdf5 opens other files, and loads and runs filters, where a file asks for it. Whatever is
  // not in the file as it is, is refused before libhdf5 comes to it.
  void RequirePlain(const H5Handle& creation, const std::string& path) const {
    Require(creation.ok(), path, "is unreadable");
    Require(H5Pget_nfilters(creation.get()) == 0, path, "is filtered, which checkpoints are not");
  }
  void RequirePlainGroup(const std::string& path) const {
    const H5Handle object(H5Oopen(file.get(), path.c_str(), H5P_DEFAULT), H5Oclose);
    Require(object.ok(), path, "is missing or unreadable");
    if (H5Iget_type(object.get()) != H5I_GROUP) return;
    RequirePlain(H5Handle(H5Gget_create_plist(object.get()), H5Pclose), path);
  }
  // A path is walked step by step: no group on it, and not its end, is a link to elsewhere. What is
  // missing is for others to tell.
  void RequireOwn(const std::string& path) const {
    RequirePlainGroup("/");
    for (size_t end = 0; end != std::string::npos;) {
      end = path.find('/', end + 1);
      const std::string part = path.substr(0, end);
      if (part.size() <= 1) return;
      H5L_info_t link;
      if (H5Lget_info(file.get(), part.c_str(), &link, H5P_DEFAULT) < 0) return;
      Require(link.type == H5L_TYPE_HARD, part, "is a link to elsewhere, which is not followed");
      RequirePlainGroup(part);
    }
  }
  void RequireOwnBytes(const H5Handle& dataset, const std::string& path) const {
    const H5Handle creation(H5Dget_create_plist(dataset.get()), H5Pclose);
    RequirePlain(creation, path);
    const H5D_layout_t layout = H5Pget_layout(creation.get());
    Require(layout == H5D_CONTIGUOUS || layout == H5D_COMPACT, path,
            "is not stored in one piece, as checkpoints are");
    Require(H5Pget_external_count(creation.get()) == 0, path,
            "is stored in other files, which are not read");
  }

  // Nobody reads a dataset twice, but a file can give one a thousand names.
  void CountRead(uint64_t bytes, const std::string& path) const {
    read_bytes = SaturatingSum(read_bytes, bytes);
    Require(read_bytes <= 2 * uint64_t{size_bytes}, path,
            "is larger than the file, with all before");
  }

  H5Handle Open(const std::string& path) const {
    RequireOwn(path);
    H5Handle object(H5Oopen(file.get(), path.c_str(), H5P_DEFAULT), H5Oclose);
    Require(object.ok(), path, "is missing or unreadable");
    return object;
  }
  H5Handle OpenDataset(const std::string& path) const {
    RequireOwn(path);
    H5Handle dataset(H5Dopen2(file.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
    Require(dataset.ok(), path, "is missing or no readable dataset");
    RequireOwnBytes(dataset, path);
    return dataset;
  }
  H5Handle OpenAttribute(const std::string& group, const std::string& attribute_name) const {
    const H5Handle object = Open(group);
    H5Handle attribute(H5Aopen(object.get(), attribute_name.c_str(), H5P_DEFAULT), H5Aclose);
    Require(attribute.ok(), Path(group, attribute_name), "is missing or unreadable");
    return attribute;
  }
  static std::string Path(const std::string& group, const std::string& attribute_name) {
    return group + " attribute '" + attribute_name + "'";
  }

  H5Shape ShapeOf(const H5Handle& space, const std::string& path) const {
    const int rank = space.ok() ? H5Sget_simple_extent_ndims(space.get()) : -1;
    Require(rank >= 0 && H5Sget_simple_extent_type(space.get()) != H5S_NULL, path, "has no shape");
    std::vector<hsize_t> sizes(static_cast<size_t>(rank));
    Require(H5Sget_simple_extent_dims(space.get(), sizes.data(), nullptr) >= 0, path,
            "has no shape");
    return {sizes.begin(), sizes.end()};
  }

  template <typename T>
  void RequireType(const H5Handle& type, const std::string& path) const {
    Require(type.ok() && H5Tequal(type.get(), H5Types<T>::Stored()) > 0, path,
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
    const H5Handle attribute = OpenAttribute(group, attribute_name);
    RequireType<T>(H5Handle(H5Aget_type(attribute.get()), H5Tclose), path);
    const H5Shape shape = ShapeOf(H5Handle(H5Aget_space(attribute.get()), H5Sclose), path);
    Require(shape.size() == rank, path, "has a wrong shape");
    std::vector<T> values(CheckedElements(shape, sizeof(T), path));
    T nothing{};
    Require(H5Aread(attribute.get(), H5Types<T>::Native(),
                    H5AddressOf(std::span(values), &nothing)) >= 0,
            path, "is unreadable");
    return values;
  }
};

H5Reader::H5Reader(std::span<const uint8_t> file, std::string name)
    : impl_(std::make_unique<Impl>()) {
  impl_->name = std::move(name);
  impl_->size_bytes = file.size();
  const H5Handle access = H5MemoryAccess();
  // It copies, though it takes an address to write to.
  const bool given =
      H5Pset_file_image(access.get(), const_cast<uint8_t*>(file.data()), file.size()) >= 0;
  if (given && !file.empty()) {
    impl_->file =
        H5Handle(H5Fopen(H5MemoryName(this).c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  }
  if (impl_->file.ok()) return;
  if (!given || H5LacksMemory()) throw MemoryError("not enough memory to read " + impl_->name);
  throw DamagedError(impl_->name + " is no HDF5 file, or a damaged one");
}

H5Reader::~H5Reader() = default;

bool H5Reader::Has(const std::string& path) const {
  impl_->RequireOwn(path);
  // H5Lexists wants all parents to exist.
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    if (H5Lexists(impl_->file.get(), path.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
    if (end == std::string::npos) return true;
  }
}

std::vector<std::string> H5Reader::Members(const std::string& group) const {
  std::vector<std::string> names;
  const H5Handle object = impl_->Open(group);
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
  const H5Handle object = impl_->Open(group);
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
  const H5Handle dataset = impl_->OpenDataset(path);
  return impl_->ShapeOf(H5Handle(H5Dget_space(dataset.get()), H5Sclose), path);
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
  const H5Handle dataset = impl_->OpenDataset(path);
  impl_->RequireType<T>(H5Handle(H5Dget_type(dataset.get()), H5Tclose), path);
  impl_->Require(impl_->ShapeOf(H5Handle(H5Dget_space(dataset.get()), H5Sclose), path) == shape,
                 path, "has a wrong shape");
  if (H5Elements(shape) != static_cast<int64_t>(out.size())) {
    throw InternalError(path + ": the memory for it has a wrong size");
  }
  impl_->CountRead(out.size_bytes(), path);
  T nothing{};
  impl_->Require(H5Dread(dataset.get(), H5Types<T>::Native(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                         H5AddressOf(out, &nothing)) >= 0,
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
  const H5Handle attribute = impl_->OpenAttribute(group, name);
  const H5Handle type(H5Aget_type(attribute.get()), H5Tclose);
  if (H5Tget_class(type.get()) != H5T_STRING) {
    const Bytes bytes = ReadAttributeList<uint8_t>(group, name);
    return {bytes.begin(), bytes.end()};
  }
  const size_t size = H5Tget_size(type.get());
  const H5Handle space(H5Aget_space(attribute.get()), H5Sclose);
  impl_->Require(H5Tis_variable_str(type.get()) == 0 &&
                     H5Sget_simple_extent_type(space.get()) == H5S_SCALAR &&
                     size <= impl_->size_bytes,
                 path, "is no string of a fixed length");
  std::string text(size, '\0');
  impl_->Require(H5Aread(attribute.get(), type.get(), text.data()) >= 0, path, "is unreadable");
  if (text == std::string(1, '\0')) text.clear();
  return text;
}

#define OCCAM_H5_INSTANTIATE(T)                                                                   \
  template std::vector<T> H5Reader::ReadDataset<T>(const std::string&) const;                     \
  template void H5Reader::ReadDataset<T>(const std::string&, const H5Shape&, std::span<T>) const; \
  template T H5Reader::ReadAttribute<T>(const std::string&, const std::string&) const;            \
  template std::vector<T> H5Reader::ReadAttributeList<T>(const std::string&, const std::string&)  \
      const;

OCCAM_H5_INSTANTIATE(float)
OCCAM_H5_INSTANTIATE(double)
OCCAM_H5_INSTANTIATE(uint8_t)
OCCAM_H5_INSTANTIATE(int32_t)
OCCAM_H5_INSTANTIATE(int64_t)
#undef OCCAM_H5_INSTANTIATE

}  // namespace occam
