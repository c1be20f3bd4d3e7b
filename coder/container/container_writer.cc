#include "coder/container/container_writer.h"

#include <limits>

#include "data/base/error.h"

namespace occam {

ContainerWriter::ContainerWriter(ByteSink& sink, FileHeader header,
                                 std::span<const uint8_t> embedded_model)
    : sink_(sink) {
  header.embeds_model = !embedded_model.empty();
  WriteRecord(Serialise(header));
  if (header.embeds_model) Write(SerialiseModelBlock(embedded_model));
}

void ContainerWriter::Append(SegmentHeader header, std::span<const uint8_t> payload) {
  if (index_.size() == std::numeric_limits<uint32_t>::max())
    throw UsageError("the data is too long for one .occ file; cut it into parts");
  header.number = static_cast<uint32_t>(index_.size());
  WriteRecord(Serialise(header));
  Write(payload);
  index_.push_back({header.payload_bytes, header.original_bytes});
  original_bytes_ += header.original_bytes;
}

void ContainerWriter::Finish() {
  WriteRecord(Serialise(index_));
  EndRecord end;
  end.segments = static_cast<uint32_t>(index_.size());
  end.original_bytes = original_bytes_;
  end.file_bytes = file_bytes_ + kEndRecordBytes;
  end.chain = chain_;
  Write(Serialise(end));
}

void ContainerWriter::Write(std::span<const uint8_t> bytes) {
  sink_.Write(bytes);
  file_bytes_ += bytes.size();
}

void ContainerWriter::WriteRecord(std::span<const uint8_t> record) {
  chain_ = ChainHash(chain_, record);
  Write(record);
}

}  // namespace occam
