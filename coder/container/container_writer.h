// Writes the records of an .occ file in order (coder/container/container_format.h).
#ifndef OCCAM_CODER_CONTAINER_CONTAINER_WRITER_H_
#define OCCAM_CODER_CONTAINER_CONTAINER_WRITER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "coder/container/container_format.h"
#include "data/base/file.h"

namespace occam {

// Does not own the sink and does not commit it. Throws kIo.
class ContainerWriter {
 public:
  // Writes the file header and, unless it is empty, the model that travels along: whether it is the
  // one of header.model_id is the caller's business. header.embeds_model need not be set. With
  // kAllowed an archive of at most one segment has the short form, if it can. Then nothing is
  // written before Finish or the second segment. The model must last as long as the writer.
  enum class ShortForm { kNever, kAllowed };
  ContainerWriter(ByteSink& sink, FileHeader header, std::span<const uint8_t> embedded_model = {},
                  ShortForm short_form = ShortForm::kNever);

  // Writes the next segment, and gives it its number.
  void Append(SegmentHeader header, std::span<const uint8_t> payload);
  // Writes index and end record; the last call.
  void Finish();

  uint64_t file_bytes() const { return file_bytes_; }

 private:
  void Begin();  // in the long form
  void WriteSegment(SegmentHeader header, std::span<const uint8_t> payload);
  void Write(std::span<const uint8_t> bytes);
  void WriteRecord(std::span<const uint8_t> record);  // and takes it into the chain

  ByteSink& sink_;
  FileHeader header_;
  std::span<const uint8_t> embedded_model_;
  bool may_be_short_;
  std::optional<SegmentHeader> held_;  // the first segment, while the form may be short
  Bytes held_payload_;
  std::vector<IndexEntry> index_;
  uint64_t original_bytes_ = 0;
  uint64_t file_bytes_ = 0;
  uint64_t chain_ = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_CONTAINER_CONTAINER_WRITER_H_
