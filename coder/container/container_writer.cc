#include "coder/container/container_writer.h"

#include <limits>

#include "coder/container/short_archive.h"
#include "data/base/error.h"

namespace occam {

ContainerWriter::ContainerWriter(ByteSink& sink, FileHeader header,
                                 std::span<const uint8_t> embedded_model, ShortForm short_form)
    : sink_(sink),
      header_(header),
      embedded_model_(embedded_model),
      may_be_short_(short_form == ShortForm::kAllowed && HasShortForm(header)) {
  header_.embeds_model = !embedded_model.empty();
  if (!may_be_short_) Begin();
}

void ContainerWriter::Begin() {
  may_be_short_ = false;
  WriteRecord(Serialise(header_));
  if (header_.embeds_model) Write(SerialiseModelBlock(embedded_model_));
}

void ContainerWriter::Append(SegmentHeader header, std::span<const uint8_t> payload) {
  if (may_be_short_ && !held_) {
    held_ = header;
    held_payload_.assign(payload.begin(), payload.end());
    return;
  }
  if (may_be_short_) {
    Begin();
    WriteSegment(*held_, held_payload_);
    held_payload_ = {};
  }
  WriteSegment(header, payload);
}

void ContainerWriter::WriteSegment(SegmentHeader header, std::span<const uint8_t> payload) {
  if (index_.size() == std::numeric_limits<uint32_t>::max())
    throw UsageError("the data is too long for one .occ file; cut it into parts");
  header.number = static_cast<uint32_t>(index_.size());
  WriteRecord(Serialise(header));
  Write(payload);
  index_.push_back({header.payload_bytes, header.original_bytes});
  original_bytes_ += header.original_bytes;
}

void ContainerWriter::Finish() {
  if (may_be_short_) {
    file_bytes_ = WriteShortArchive(header_, embedded_model_, held_ ? &*held_ : nullptr,
                                    held_payload_, sink_);
    return;
  }
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
