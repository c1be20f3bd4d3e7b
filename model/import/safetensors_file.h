// Reads .safetensors files (Hugging Face, 2022, github.com/huggingface/safetensors, "Format"):
// eight bytes of length, a JSON header, tensors.
#ifndef OCCAM_MODEL_IMPORT_SAFETENSORS_FILE_H_
#define OCCAM_MODEL_IMPORT_SAFETENSORS_FILE_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/import/checkpoint_tensors.h"

namespace occam {

// Adds the tensors of a file, whose bytes must outlive them. Everything the header says is checked
// before it is used: kDamaged.
void AddSafetensors(std::span<const uint8_t> bytes, const std::string& name,
                    CheckpointTensors* tensors);

// model.safetensors.index.json: the files of a folder that hold one checkpoint together.
struct SafetensorsIndex {
  std::map<std::string, std::string> file_of;  // of each tensor
  std::vector<std::string> files;              // each once, in order
};

// Throws kDamaged where it is no such index, or names what is no file of its own folder.
SafetensorsIndex ReadSafetensorsIndex(std::span<const uint8_t> bytes, const std::string& name);

// Throws kDamaged unless the tensors are in the files that the index says, and no others are there.
// The tensors' files have the names of the index after `prefix`.
void CheckIndex(const SafetensorsIndex& index, const CheckpointTensors& tensors,
                const std::string& prefix, const std::string& name);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_SAFETENSORS_FILE_H_
