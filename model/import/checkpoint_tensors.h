// The tensors of a public checkpoint, which may lie in several files.
#ifndef OCCAM_MODEL_IMPORT_CHECKPOINT_TENSORS_H_
#define OCCAM_MODEL_IMPORT_CHECKPOINT_TENSORS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace occam {

// Types of a tensor's numbers. Others than these are kept by their name and refused when
// they are asked for.
// Q8 is GGML's Q8_0: blocks of a scale, F16, and 32 signed bytes.
enum class NumberType { kOther, kF32, kF16, kBF16, kQ8 };
constexpr int64_t kQ8Block = 32;

// A tensor as it lies in a file, not owned. A reader has checked that `bytes` are those of the
// shape, unless the type is kOther.
struct StoredTensor {
  std::string file;  // for messages
  NumberType type = NumberType::kOther;
  std::string type_name;
  std::vector<int64_t> shape;  // the last side is that of neighbours
  std::span<const uint8_t> bytes;
};

// Bytes of so many numbers, of kQ8 a multiple of its blocks; 0 for kOther.
uint64_t StoredBytes(NumberType type, uint64_t numbers);

class CheckpointTensors {
 public:
  // Throws kDamaged where the name is taken.
  void Add(const std::string& name, StoredTensor tensor);

  bool Has(const std::string& name) const { return tensors_.contains(name); }
  // Returns the file in which a tensor lies, empty where there is none.
  std::string FileOf(const std::string& name) const;
  std::vector<std::string> names() const;
  // Returns the tensor as floats, and counts it as taken. Throws kDamaged where it is missing, has
  // another shape, a type that is not supported, or a value that is not finite.
  std::vector<float> Take(const std::string& name, const std::vector<int64_t>& shape);
  // Throws kDamaged where a tensor is left that nobody took, unless its name ends in one of these.
  void RequireNoneLeft(std::span<const char* const> unused_endings) const;

 private:
  struct Entry {
    StoredTensor tensor;
    bool taken = false;
  };
  std::map<std::string, Entry> tensors_;
};

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_CHECKPOINT_TENSORS_H_
