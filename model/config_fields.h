// A configuration as bytes in a file. Contract 3 has numbers and windows, contract 4 a list of
// fields by id, in which new choices are new entries (docs/spec/memory.md, section 1).
#ifndef OCCAM_MODEL_CONFIG_FIELDS_H_
#define OCCAM_MODEL_CONFIG_FIELDS_H_

#include "data/base/byte_order.h"
#include "model/config.h"

namespace occam {

// The contract that a network of this configuration is computed by: kMemoryContract where a field
// is none that contract 3 has, else kContractVersion.
int ContractOf(const ModelConfig& config);

// The configuration in the form of its contract. Get checks it by CheckConfig and throws kDamaged;
// an id that is not known here is named in the message.
void PutConfig(const ModelConfig& config, ByteWriter* out);
ModelConfig GetConfig(int contract, ByteReader* in);

// The list alone, for a configuration of either contract.
void PutConfigFields(const ModelConfig& config, ByteWriter* out);
ModelConfig GetConfigFields(ByteReader* in);

}  // namespace occam

#endif  // OCCAM_MODEL_CONFIG_FIELDS_H_
