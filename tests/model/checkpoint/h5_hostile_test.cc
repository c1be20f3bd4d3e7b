// HDF5 files that would lead libhdf5 elsewhere, written by libhdf5 itself.
#include <hdf5.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <functional>
#include <string>

#include "model/checkpoint/h5_file.h"
#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

constexpr hsize_t kValues[] = {1000};

// A file in which make(file, values) makes "/group/x", values being a space of 1000 numbers.
Bytes FileMadeBy(const TemporaryFolder& folder, const std::function<void(hid_t, hid_t)>& make) {
  const std::string path = folder / "made.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t group = H5Gcreate2(file, "/group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(1, kValues, nullptr);
  make(file, space);
  H5Sclose(space);
  H5Gclose(group);
  H5Fclose(file);
  return ReadFile(path);
}

void MakeDataset(
    hid_t file, hid_t space, const char* path,
    const std::function<void(hid_t)>& set = [](hid_t) {}) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  set(creation);
  const hid_t dataset =
      H5Dcreate2(file, path, H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  const std::vector<float> values(kValues[0], 1.5f);
  H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(dataset);
  H5Pclose(creation);
}

Thrown Reading(const Bytes& file, const std::string& path = "/group/x") {
  const H5Reader reader(file, "hostile.h5");
  return ThrownBy([&] { reader.ReadDataset<float>(path); });
}

// That nothing but the file itself is read: what it leads to is a pipe that nobody writes to, so
// that following it would never end.
std::string EndlessFile(const TemporaryFolder& folder) {
  const std::string path = folder / "endless";
  ::mkfifo(path.c_str(), 0600);
  return path;
}

}  // namespace

TEST_CASE("HDF5: a dataset in one piece is read, whoever wrote it") {
  const TemporaryFolder folder;
  const Bytes file =
      FileMadeBy(folder, [](hid_t h5, hid_t space) { MakeDataset(h5, space, "/group/x"); });
  CHECK_FALSE(Reading(file).kind);
}

TEST_CASE("HDF5: links to other files and to other places are refused, not followed") {
  const TemporaryFolder folder;
  const std::string endless = EndlessFile(folder);
  const Bytes external = FileMadeBy(folder, [&](hid_t h5, hid_t) {
    H5Lcreate_external(endless.c_str(), "/x", h5, "/group/x", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external(endless.c_str(), "/", h5, "/far", H5P_DEFAULT, H5P_DEFAULT);
  });
  CHECK(Reading(external).Mentions("hostile.h5: /group/x is a link to elsewhere"));
  CHECK(Reading(external, "/far/x").Mentions("/far is a link to elsewhere"));
  const H5Reader reader(external, "hostile.h5");
  for (const char* path : {"/far", "/far/x", "/group/x"}) {
    CHECK(ThrownBy([&] { (void)reader.Has(path); }).kind == ErrorKind::kDamaged);
    CHECK(ThrownBy([&] { reader.Members(path); }).kind == ErrorKind::kDamaged);
    CHECK(ThrownBy([&] { reader.Attributes(path); }).kind == ErrorKind::kDamaged);
    CHECK(ThrownBy([&] { reader.ReadText(path, "text"); }).kind == ErrorKind::kDamaged);
  }
  const Bytes soft = FileMadeBy(folder, [](hid_t h5, hid_t space) {
    MakeDataset(h5, space, "/y");
    H5Lcreate_soft("/y", h5, "/group/x", H5P_DEFAULT, H5P_DEFAULT);
  });
  CHECK(Reading(soft).Mentions("is a link to elsewhere"));
}

TEST_CASE("HDF5: bytes in other files and virtual datasets are refused, not read") {
  const TemporaryFolder folder;
  const std::string endless = EndlessFile(folder);
  const Bytes external = FileMadeBy(folder, [&](hid_t h5, hid_t space) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, endless.c_str(), 0, 4 * kValues[0]);
    H5Dclose(H5Dcreate2(h5, "/group/x", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
  });
  CHECK(Reading(external).Mentions("is stored in other files"));
  const Bytes mapped = FileMadeBy(folder, [&](hid_t h5, hid_t space) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(creation, space, endless.c_str(), "/x", space);
    H5Dclose(H5Dcreate2(h5, "/group/x", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
  });
  CHECK(Reading(mapped).Mentions("is not stored in one piece"));
}

TEST_CASE("HDF5: filters are not run, on data nor on names") {
  const TemporaryFolder folder;
  // A piece of a gigabyte of zeros in a file of a megabyte.
  const Bytes bomb = FileMadeBy(folder, [](hid_t h5, hid_t) {
    const hsize_t size[] = {16 << 20};
    const hid_t space = H5Screate_simple(1, size, nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, size);
    H5Pset_deflate(creation, 9);
    const hid_t dataset =
        H5Dcreate2(h5, "/group/x", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const std::vector<float> zeros(size[0]);
    H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data());
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
  });
  REQUIRE(bomb.size() < 1 << 20);
  CHECK(Reading(bomb).Mentions("is filtered"));
  const Bytes chunked = FileMadeBy(folder, [](hid_t h5, hid_t space) {
    MakeDataset(h5, space, "/group/x", [](hid_t creation) { H5Pset_chunk(creation, 1, kValues); });
  });
  CHECK(Reading(chunked).Mentions("is not stored in one piece"));
  const Bytes names = FileMadeBy(folder, [](hid_t h5, hid_t space) {
    const hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_phase_change(creation, 0, 0);
    H5Pset_deflate(creation, 9);
    H5Gclose(H5Gcreate2(h5, "/filtered", H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    MakeDataset(h5, space, "/filtered/x");
  });
  CHECK(Reading(names, "/filtered/x").Mentions("/filtered is filtered"));
  const H5Reader reader(names, "hostile.h5");
  CHECK(ThrownBy([&] { reader.Members("/filtered"); }).kind == ErrorKind::kDamaged);
}

}  // namespace occam
