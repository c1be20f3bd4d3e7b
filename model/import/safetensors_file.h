// Reads a .safetensors file (Hugging Face, 2022, github.com/huggingface/safetensors, "Format"):
// eight bytes of length, a JSON header, tensors.
#ifndef OCCAM_MODEL_IMPORT_SAFETENSORS_FILE_H_
#define OCCAM_MODEL_IMPORT_SAFETENSORS_FILE_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace occam {

// Does not own the bytes. Everything the header says is checked before it is used: kDamaged.
class SafetensorsFile {
 public:
  SafetensorsFile(std::span<const uint8_t> bytes, std::string name);

  bool Has(const std::string& tensor) const { return tensors_.contains(tensor); }
  // Returns the tensor as floats, and counts it as taken. Throws kDamaged where it is missing, has
  // another shape, a type that is not F32, F16 or BF16, or a value that is not finite.
  std::vector<float> Take(const std::string& tensor, const std::vector<int64_t>& shape);
  // The names of tensors that nobody took, in order.
  std::vector<std::string> left() const;

 private:
  struct Tensor {
    std::string type;
    std::vector<int64_t> shape;
    std::span<const uint8_t> bytes;
    bool taken = false;
  };

  std::string name_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_SAFETENSORS_FILE_H_
