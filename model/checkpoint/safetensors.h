// A network's weights as a .safetensors file, for programs that read no HDF5 (the format: Hugging
// Face, 2022, github.com/huggingface/safetensors, "Format").
#ifndef OCCAM_MODEL_CHECKPOINT_SAFETENSORS_H_
#define OCCAM_MODEL_CHECKPOINT_SAFETENSORS_H_

#include <map>
#include <span>
#include <string>

#include "data/base/file.h"
#include "model/config.h"
#include "model/parameters.h"
#include "model/quantized_model.h"

namespace occam {

// Writes the tensors of ParameterTable as float32 under their names there, [rows, columns], or
// [columns] where there is one row. The rows of a memory follow as "memory_rows", [memory_rows,
// memory_width]. `notes` become the header's __metadata__. Throws kIo as the sink does.
void WriteSafetensors(const ModelConfig& config, const ParameterSet& weights,
                      std::span<const float> memory_rows,
                      const std::map<std::string, std::string>& notes, ByteSink* sink);

// The weights that a quantised model stands for: each code times its scale.
ParameterSet Dequantised(const QuantizedModel& model);
// The same of the rows of its memory, [memory_rows, memory_width].
std::vector<float> DequantisedRows(const QuantizedModel& model);

}  // namespace occam

#endif  // OCCAM_MODEL_CHECKPOINT_SAFETENSORS_H_
