// Any bytes as text that Occam reads: the description of a prepared set, counts and ranges, control
// groups; and as text that it shows.
//
// Byte 0: which of them. The rest is the text.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "data/base/processors.h"
#include "data/base/units.h"
#include "data/corpus.h"
#include "data/prepared_set.h"
#include "data/terminal_text.h"
#include "tests/fuzz/target.h"
#include "tests/temporary_folder.h"

namespace occam::fuzz {
namespace {

void Write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  Require(file.good(), "a temporary file is written");
}

void Describe(const std::string& text) {
  static const TemporaryFolder folder;
  const std::string set = folder / "x.set";
  Write(set, "12345678");
  Write(DescriptionPath(set), text);
  SetDescription description;
  if (!Succeeds([&] { description = LoadDescription(set); })) return;
  Require(description.train().begin <= description.train().end &&
              description.train().end <= description.validation().begin &&
              description.validation().begin <= description.validation().end,
          "parts of a set lie in order");
  Succeeds([&] { LoadCorpus(set); });
}

void Count(const std::string& text) {
  Succeeds([&] { Require(ParseCount(text, "count") >= 0, "a count is not negative"); });
  constexpr int64_t kSize = 1'000'000;
  Succeeds([&] {
    const ByteRange range = ParseByteRange(text, kSize, "range");
    Require(0 <= range.begin && range.begin <= range.end && range.end <= kSize,
            "a range is within");
  });
  const size_t cut = text.find('\n');
  const std::string second = cut == std::string::npos ? "" : text.substr(cut + 1);
  Succeeds([&] {
    const Split split = MakeSplit(kSize, text.substr(0, cut), second);
    Require(split.train.size() > 0 && split.validation.size() > 0, "both parts have bytes");
    Require(split.train.end <= split.validation.begin || split.validation.end <= split.train.begin,
            "parts do not overlap");
  });
}

void Group(const std::string& text) {
  const size_t cut = std::min(text.find('\0'), text.size());
  const auto quota = CpuQuota(text.substr(0, cut), text.substr(std::min(cut + 1, text.size())));
  Require(!quota || *quota > 0, "a quota is positive");
}

// Whatever is shown, a terminal neither obeys nor breaks: no control characters but newline and
// tab, however the bytes are cut into pieces.
void Show(const std::string& text) {
  const std::span bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  TerminalText whole;
  std::string shown = whole.Take(bytes);
  shown += whole.Finish();
  TerminalText pieces;
  std::string shown_in_pieces;
  for (size_t i = 0; i < bytes.size(); ++i) shown_in_pieces += pieces.Take(bytes.subspan(i, 1));
  shown_in_pieces += pieces.Finish();
  Require(shown == shown_in_pieces, "pieces are shown as the whole is");
  for (size_t i = 0; i < shown.size(); ++i) {
    const auto c = static_cast<unsigned char>(shown[i]);
    Require((c >= 32 && c != 127) || c == '\n' || c == '\t', "no control character is shown");
    Require(c != 0xc2 || static_cast<unsigned char>(shown[i + 1]) >= 0xa0, "nor one beyond ASCII");
  }
}

}  // namespace
}  // namespace occam::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace occam::fuzz;  // NOLINT
  if (size < 1 || size > 5000) return 0;
  const std::string text(data + 1, data + size);
  constexpr decltype(&Describe) kReaders[] = {Describe, Count, Group, Show};
  kReaders[data[0] % std::size(kReaders)](text);
  return 0;
}
