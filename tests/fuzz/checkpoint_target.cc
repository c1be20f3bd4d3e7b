// A checkpoint of which other programs changed groups, datasets and attributes. It is loaded or
// refused, and nothing beside it is read.
//
// Byte 0: the file is damaged byte by byte without another digest (bit 0), else changed through
// libhdf5, whose output a digest vouches for. libhdf5 itself is not what is tested: it may crash on
// bytes that no library wrote.
#include <hdf5.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/checkpoint_block.h"
#include "model/quantize.h"
#include "tests/fuzz/target.h"
#include "tests/model/exact/exact_testing.h"
#include "tests/temporary_folder.h"

// libhdf5 forgets some of its memory where a file is damaged.
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }

namespace occam::fuzz {
namespace {

const TemporaryFolder& Folder() {
  static const TemporaryFolder folder;
  return folder;
}

void Write(const std::string& path, std::span<const uint8_t> bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  Require(file.good(), "a temporary file is written");
}

// A small checkpoint with all that one can hold.
Bytes SavedCheckpoint() {
  const ModelConfig config =
      testing::TestConfig(/*vocabulary=*/4, /*width=*/8, /*heads=*/1, /*kv_heads=*/1,
                          /*mlp_factor=*/1, /*conv_width=*/1, /*context=*/4, {0});
  const Calibration calibration{{1.0f}, {2.0f}};
  ParameterSet weights(config);
  Randomise(&weights, 1);
  Checkpoint checkpoint{config, weights, calibration, {1}, TrainingState{}, {}};
  checkpoint.training->counters["step"] = 3;
  checkpoint.training->numbers["rate"] = 0.5;
  checkpoint.training->texts["digest"] = "abc";
  checkpoint.training->lists["losses"] = {1, 2, 3};
  checkpoint.training->tensors.emplace("mean", weights);
  checkpoint.provenance.command_line = "train";
  checkpoint.provenance.validation_curve = {{1, 2}, {3, 4}};
  const std::string path = Folder() / "saved.h5";
  SaveCheckpoint(path, checkpoint);
  return ReadFile(path);
}

// Identifiers of libhdf5 that are closed at the end of an edit, last first; a failed call leaves
// none.
class Identifiers {
 public:
  ~Identifiers() {
    std::for_each(ids_.rbegin(), ids_.rend(), [](hid_t id) { H5Idec_ref(id); });
  }
  hid_t Keep(hid_t id) {
    if (id >= 0) ids_.push_back(id);
    return id;
  }

 private:
  std::vector<hid_t> ids_;
};

constexpr std::array kObjects = {"/config",
                                 "/weights",
                                 "/weights/embedding",
                                 "/weights/head",
                                 "/weights/final_gain",
                                 "/weights/layers.0.wq",
                                 "/weights/layers.0.gain1",
                                 "/calibration",
                                 "/calibration/key_maxima",
                                 "/calibration/value_maxima",
                                 "/calibration/row_steps",
                                 "/tokenizer",
                                 "/training",
                                 "/training/counters",
                                 "/training/numbers",
                                 "/training/texts",
                                 "/training/lists",
                                 "/training/lists/losses",
                                 "/training/tensors",
                                 "/training/tensors/mean",
                                 "/training/tensors/mean/head",
                                 "/provenance",
                                 "/provenance/validation_curve",
                                 "/provenance/sources",
                                 "/provenance/sources/00",
                                 "/"};
constexpr std::array kAttributes = {
    "vocabulary",     "width",      "layers",      "heads",       "kv_heads",
    "mlp_factor",     "conv_width", "context",     "windows",     "contract_version",
    "weight_bits",    "step",       "rate",        "digest",      "command_line",
    "code_version",   "data_name",  "data_sha256", "train_begin", "train_end",
    "validation_end", "name",       "share",       "record_bytes"};

class Editor {
 public:
  Editor(hid_t file, Choices* in) : file_(file), in_(*in) {}

  void Edit() {
    path_ = kObjects[static_cast<size_t>(in_.Below(static_cast<int>(kObjects.size())))];
    switch (in_.Below(10)) {
      case 0:
        Unlink();
        break;
      case 1:
        Unlink();
        H5Lcreate_soft(OtherObject(), file_, path_, H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 2:
        Unlink();
        H5Lcreate_external((Folder() / "saved.h5").c_str(), OtherObject(), file_, path_,
                           H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 3:
        Unlink();
        H5Lcreate_hard(file_, OtherObject(), file_, path_, H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 4:
        Unlink();
        ids_.Keep(H5Gcreate2(file_, path_, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        break;
      case 5:
        ChangeValues();
        break;
      case 6:
      case 7:
        Unlink();
        CreateDataset();
        break;
      default:
        CreateAttribute();
    }
  }

 private:
  void Unlink() { H5Ldelete(file_, path_, H5P_DEFAULT); }
  const char* OtherObject() {
    return kObjects[static_cast<size_t>(in_.Below(static_cast<int>(kObjects.size())))];
  }

  hid_t Type() {
    const std::array<hid_t, 10> types = {
        H5T_IEEE_F32LE, H5T_IEEE_F64LE,  H5T_STD_U8LE, H5T_STD_I32LE, H5T_STD_I64LE,
        H5T_IEEE_F32BE, H5T_STD_REF_OBJ, H5T_STD_B8LE, H5T_C_S1,      -1};
    const hid_t chosen = types[static_cast<size_t>(in_.Below(10))];
    if (chosen == -1) return ids_.Keep(H5Tvlen_create(H5T_STD_U8LE));
    if (chosen != H5T_C_S1) return chosen;
    const hid_t text = ids_.Keep(H5Tcopy(H5T_C_S1));
    H5Tset_size(text, in_.Coin() ? H5T_VARIABLE : static_cast<size_t>(1 + in_.Below(65536)));
    return text;
  }

  hid_t Space() {
    constexpr std::array<hsize_t, 12> kSizes = {
        0, 1, 2, 3, 4, 5, 8, 64, 1000, 65536, hsize_t{1} << 32, hsize_t{1} << 61};
    const int rank = in_.Below(4);
    if (rank == 0) return ids_.Keep(H5Screate(in_.Coin() ? H5S_SCALAR : H5S_NULL));
    std::array<hsize_t, 3> sizes{};
    for (hsize_t& size : sizes)
      size = kSizes[static_cast<size_t>(in_.Below(static_cast<int>(kSizes.size())))];
    return ids_.Keep(H5Screate_simple(rank, sizes.data(), nullptr));
  }

  // How a dataset is stored: in one piece, in chunks with filters, in another file, or put together
  // of another.
  hid_t Storage(hid_t space) {
    const hid_t list = ids_.Keep(H5Pcreate(H5P_DATASET_CREATE));
    const int rank = std::max(H5Sget_simple_extent_ndims(space), 1);
    const std::array<hsize_t, 3> chunk = {1 + static_cast<hsize_t>(in_.Below(100)), 2, 4};
    switch (in_.Below(6)) {
      case 0:
        H5Pset_chunk(list, rank, chunk.data());
        H5Pset_shuffle(list);
        H5Pset_deflate(list, 9);
        break;
      case 1:
        H5Pset_chunk(list, rank, chunk.data());
        H5Pset_fletcher32(list);
        break;
      case 2:
        H5Pset_external(list, (Folder() / "saved.h5").c_str(), in_.Below(1000), H5F_UNLIMITED);
        break;
      case 3:
        H5Pset_virtual(list, space, (Folder() / "saved.h5").c_str(), OtherObject(), space);
        break;
      case 4:
        H5Pset_layout(list, H5D_COMPACT);
        break;
      default:
        break;
    }
    return list;
  }

  void CreateDataset() {
    const hid_t space = Space();
    ids_.Keep(H5Dcreate2(file_, path_, Type(), space, H5P_DEFAULT, Storage(space), H5P_DEFAULT));
  }

  void ChangeValues() {
    const hid_t dataset = H5Dopen2(file_, path_, H5P_DEFAULT);
    if (ids_.Keep(dataset) < 0) return;
    const hid_t space = ids_.Keep(H5Dget_space(dataset));
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    if (count < 0 || count > 10'000) return;
    std::vector<double> values(static_cast<size_t>(count) + 1);
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr std::array kValues = {0.0,   -0.0,   1.0,     -1.0,      1e300,
                                    -1e30, 1e-300, 1.0 / 3, kInfinity, -kInfinity};
    for (double& value : values) value = kValues[in_.Byte() % kValues.size()];
    H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  }

  void CreateAttribute() {
    const hid_t object = H5Oopen(file_, path_, H5P_DEFAULT);
    if (ids_.Keep(object) < 0) return;
    const char* name =
        kAttributes[static_cast<size_t>(in_.Below(static_cast<int>(kAttributes.size())))];
    H5Adelete(object, name);
    const bool usual = in_.Coin();
    const hid_t type = usual ? H5T_STD_I32LE : Type();
    const hid_t space = usual ? ids_.Keep(H5Screate(H5S_SCALAR)) : Space();
    // What libhdf5 creates it fills, and that is memory of this test.
    constexpr hssize_t kMostBytes = 1 << 20;
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    if (count < 0 || count > kMostBytes / static_cast<hssize_t>(H5Tget_size(type))) return;
    const hid_t attribute =
        ids_.Keep(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
    constexpr std::array<int32_t, 10> kValues = {0,  1,    -1,    2,          8,
                                                 16, 4096, 65536, 0x7fffffff, -0x7fffffff - 1};
    const int32_t value = kValues[in_.Byte() % kValues.size()];
    if (usual) H5Awrite(attribute, H5T_NATIVE_INT32, &value);
  }

  hid_t file_;
  Choices& in_;
  const char* path_ = "";
  Identifiers ids_;
};

// The file after up to four edits, with a user block that fits it.
Bytes Edited(const Bytes& saved, Choices in) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  Identifiers ids;
  const hid_t access = ids.Keep(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fapl_core(access, 1 << 16, /*backing_store=*/0);
  H5Pset_file_image(access, const_cast<uint8_t*>(saved.data()), saved.size());
  const hid_t file = ids.Keep(H5Fopen("/dev/null/edited", H5F_ACC_RDWR, access));
  Require(file >= 0, "libhdf5 opens what was saved");
  for (int edits = 1 + in.Below(4); edits > 0; --edits) Editor(file, &in).Edit();
  H5Fflush(file, H5F_SCOPE_GLOBAL);
  Bytes bytes(static_cast<size_t>(std::max<ssize_t>(H5Fget_file_image(file, nullptr, 0), 0)));
  H5Fget_file_image(file, bytes.data(), bytes.size());
  if (bytes.size() > kUserBlockBytes) FillUserBlock(kFormatSparse, bytes);
  return bytes;
}

void Load(const Bytes& bytes) {
  const std::string path = Folder() / "changed.h5";
  Write(path, bytes);
  Succeeds([&] {
    const Checkpoint checkpoint = LoadCheckpoint(path);
    Quantise(checkpoint.config, checkpoint.weights, checkpoint.calibration, checkpoint.tokenizer);
  });
}

// Changes without a digest that fits: found before libhdf5 sees them.
Bytes Damaged(Bytes file, Choices in) {
  const size_t changes = static_cast<size_t>(1 + in.Below(8));
  for (size_t i = 0; i < changes; ++i) {
    const size_t at = (static_cast<size_t>(in.Byte()) << 8 | in.Byte()) % file.size();
    file[in.Coin() ? at % kUserBlockBytes : at] = in.Byte();
  }
  if (in.Below(8) == 0) file.resize(static_cast<size_t>(in.Below(65536)) % file.size());
  return file;
}

}  // namespace
}  // namespace occam::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace occam::fuzz;  // NOLINT
  static const occam::Bytes saved = SavedCheckpoint();
  if (size < 2 || size > 1000) return 0;
  const Choices in({data + 1, size - 1});
  Load((data[0] & 1) != 0 ? Damaged(saved, in) : Edited(saved, in));
  return 0;
}
