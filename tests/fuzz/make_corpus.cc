// Writes the first inputs of every fuzz target but those that a fuzzer found.
//
//   fuzz_make_corpus FOLDER   one folder a target in it
#include <sndfile.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "coder/archive/compressor.h"
#include "coder/entropy/range_encoder.h"
#include "coder/weights/model_codec.h"
#include "coder/weights/tokenizer_codec.h"
#include "data/prepared_set.h"
#include "tests/coder/block_pixels.h"
#include "tests/data/image_files.h"
#include "tests/data/packed.h"
#include "tests/fuzz/models.h"
#include "tests/fuzz/target.h"
#include "tests/temporary_folder.h"

namespace occam::fuzz {
namespace {

class Corpus {
 public:
  explicit Corpus(std::string folder) : folder_(std::move(folder)) {}
  // The target's own bytes, then the file.
  void Put(const std::string& target, const std::string& name, Bytes how,
           std::span<const uint8_t> file) const {
    std::filesystem::create_directories(folder_ + "/" + target);
    how.insert(how.end(), file.begin(), file.end());
    WriteFile(folder_ + "/" + target + "/" + name, how);
  }
  void PutText(const std::string& name, uint8_t how, const std::string& text) const {
    Put("text", name, {how}, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }

 private:
  std::string folder_;
};

// Words of few letters, and now and then any byte.
Bytes Words(size_t size, uint64_t seed) {
  Random random(seed);
  Bytes bytes(size);
  for (uint8_t& byte : bytes)
    byte = static_cast<uint8_t>(random.Below(8) > 0 ? 'a' + random.Below(6) : random.Next());
  return bytes;
}

// A short WAV file whose second channel, if it has one, follows the first.
Bytes Recording(int channels) {
  constexpr size_t kSamples = 1200;
  const auto c = static_cast<uint8_t>(channels);
  Bytes bytes = {'R', 'I', 'F', 'F', 0,  0, 0,   0,   'W', 'A',  'V',  'E', 'f', 'm', 't',
                 ' ', 16,  0,   0,   0,  1, 0,   c,   0,   0x80, 0x3e, 0,   0,   0,   0,
                 0,   0,   0,   0,   16, 0, 'd', 'a', 't', 'a',  0,    0,   0,   0};
  Random random(c);
  int32_t last = 0, before = 0;
  for (size_t i = 0; i < kSamples; i += c) {
    const int32_t now =
        (1850 * last - 930 * before) / 1024 + static_cast<int32_t>(random.Below(99));
    for (int k = 0; k < channels; ++k) {
      const auto value = static_cast<uint32_t>(now / (k + 1));
      bytes.push_back(static_cast<uint8_t>(value));
      bytes.push_back(static_cast<uint8_t>(value >> 8));
    }
    before = last;
    last = now;
  }
  return bytes;
}

void PutSound(const Corpus& corpus) {
  for (const int channels : {1, 2}) {
    Bytes file;
    Compress(*MemorySource(Recording(channels)), *MemorySink(&file), nullptr, {});
    corpus.Put("archive", "sound-" + std::to_string(channels), {0, 10, 30}, file);
    // Checks are mended, so that changes come through to the samples.
    corpus.Put("archive", "sound-mended-" + std::to_string(channels), {4, 10, 30}, file);
  }
}

// A photograph that was a JPEG file, small enough for the target.
void PutBlocks(const Corpus& corpus) {
  const BlockGrid grid{72, 60, 3, 2};
  CodecOptions options;
  options.mode = ContextMode::kAdaptive;
  options.photo = RawPhoto(static_cast<uint32_t>(grid.width), 1);
  Bytes file;
  Compress(*MemorySource(PixelsOfBlocks(grid, 1, 80)), *MemorySink(&file), nullptr, options);
  corpus.Put("archive", "blocks", {0, 10, 30}, file);
  // Checks are mended, so that changes come through to the coefficients.
  corpus.Put("archive", "blocks-mended", {4, 10, 30}, file);
}

void PutArchives(const Corpus& corpus) {
  PutSound(corpus);
  PutBlocks(corpus);
  for (int which = 0; which < kModels; ++which) {
    const CodecModel& model = Model(which).codec_model();
    const auto how = static_cast<uint8_t>(which | (which % 2) << 3);
    for (const ContextMode mode :
         {ContextMode::kChunked, ContextMode::kCarried, ContextMode::kAdaptive}) {
      if (mode == ContextMode::kAdaptive && model.vocabulary != 256) continue;
      for (const size_t size : {size_t{0}, size_t{40}, size_t{200}}) {
        const std::string name =
            std::string(ModeName(mode)) + "-" + std::to_string(which) + "-" + std::to_string(size);
        const Bytes original = Words(size, size);
        const FileHeader header = Layout(model, mode, /*lanes=*/3, /*chunks=*/2);
        corpus.Put("archive", name, {how, 10, 30}, ArchiveOf(original, header, model));
        corpus.Put(
            "round_trip", name,
            {static_cast<uint8_t>(which | static_cast<int>(mode) << 2), 0, 2, 0, 1, 1, 0, 90},
            original);
      }
    }
  }
  for (const ContextMode mode :
       {ContextMode::kChunked, ContextMode::kCarried, ContextMode::kAdaptive}) {
    for (const size_t size : {size_t{0}, size_t{30}, size_t{200}}) {
      CodecOptions options;
      options.mode = mode;
      options.short_form = true;
      Bytes file;
      Compress(*MemorySource(Words(size, size)), *MemorySink(&file), &Model(0).codec_model(),
               options);
      corpus.Put("archive", std::string("short-") + ModeName(mode) + "-" + std::to_string(size),
                 {static_cast<uint8_t>(size == 200 ? 8 : 0), 10, 30}, file);
    }
  }
  const CodecModel& model = Model(0).codec_model();
  const Bytes coded = EncodeModel(Model(0).network().model()).bytes;
  corpus.Put("archive", "embedded", {0, 0, 20},
             ArchiveOf(Words(100, 1), Layout(model, ContextMode::kCarried, 2, 2), model, coded));
}

void PutModels(const Corpus& corpus) {
  for (const int which : {0, 1, 2}) {
    const QuantizedModel& model = Model(which).network().model();
    corpus.Put("model", "coded-" + std::to_string(which), {0}, EncodeModel(model).bytes);
    if (which != 0)
      corpus.Put("model", "flat-" + std::to_string(which), {1}, SerialiseModel(model));
  }
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
    Random random(seed);
    Bytes choices(seed * 40);
    for (uint8_t& byte : choices) byte = static_cast<uint8_t>(random.Next());
    corpus.Put("network", "random-" + std::to_string(seed), {}, choices);
    corpus.Put("checkpoint", "edits-" + std::to_string(seed), {0}, std::span(choices).first(40));
    corpus.Put("checkpoint", "damage-" + std::to_string(seed), {1}, std::span(choices).first(40));
  }
}

void PutTokenizers(const Corpus& corpus) {
  const Bytes text = Words(120, 7);
  const auto put = [&](const std::string& name, uint8_t flags, const Bytes& tokenizer) {
    Bytes how = {static_cast<uint8_t>(flags | tokenizer.size() >> 8),
                 static_cast<uint8_t>(tokenizer.size())};
    how.insert(how.end(), tokenizer.begin(), tokenizer.end());
    corpus.Put("tokenizer", name, how, text);
  };
  const Bytes& pairs = Model(1).network().model().tokenizer;
  put("bytes", 0, {1});
  put("pairs", 0, pairs);
  put("seven-top", 0, {4});
  put("seven-bottom", 0, {5});
  RangeEncoder encoder;
  EncodeMerges(pairs, &encoder);
  Bytes coded(pairs.begin(), pairs.begin() + kTokenizerHeadBytes);
  const Bytes merges = encoder.Finish();
  coded.insert(coded.end(), merges.begin(), merges.end());
  put("coded-pairs", 0x80, coded);
}

void PutFiles(const Corpus& corpus) {
  const Bytes text = Words(300, 9);
  corpus.Put("reader", "gzip", {0}, Gzipped(text));
  corpus.Put("reader", "xz", {0}, Xzed(text));
  corpus.Put("reader", "zstd", {0}, Zstded(text));
  const Bytes samples = Words(40 * 70 * 3, 5);
  const auto first = [&](size_t count) {
    return Bytes(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(count));
  };
  corpus.Put("reader", "png-gray", {1}, PngFile({10, 12, 8, 0, false}, first(120)));
  corpus.Put("reader", "png-rgb", {1}, PngFile({10, 12, 8, 2, true}, first(360)));
  corpus.Put("reader", "png-palette", {1}, PngFile({10, 12, 4, 3, false}, Bytes(60, 0x12)));
  corpus.Put("reader", "jpeg-gray", {1}, JpegFile(40, 70, 1, first(2800), 20));
  corpus.Put("reader", "jpeg-rgb", {1}, JpegFile(16, 16, 3, first(768), 50));
  for (const std::string kind : {"P2", "P3", "P5", "P6"}) {
    const size_t channels = kind == "P3" || kind == "P6" ? 3 : 1;
    corpus.Put("reader", "pnm-" + kind, {1}, PnmFile(kind, 5, 6, first(30 * channels)));
  }
  std::vector<int16_t> sound(500);
  for (size_t i = 0; i < sound.size(); ++i)
    sound[i] = static_cast<int16_t>((samples[i] - 110) * 50);
  corpus.Put("reader", "wav", {2}, SoundFile(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, sound));
  corpus.Put("reader", "flac", {2}, SoundFile(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000, 1, sound));
}

void PutTexts(const Corpus& corpus) {
  const TemporaryFolder folder;
  PreparedSet set;
  set.bytes = {'1', '2', '3', '4', '5', '6', '7', '8'};
  set.description.kind = "bytes";
  set.description.method = "as they are";
  set.description.train_bytes = 6;
  set.description.validation_bytes = 2;
  set.description.sources = {{"a", "00", "train", 8}};
  SetDigests(&set);
  SaveSet(folder / "x.set", set, /*overwrite=*/true);
  corpus.Put("text", "set", {0}, ReadFile(DescriptionPath(folder / "x.set")));
  TakeLostBits(LostBit::kTop, &set);
  SaveSet(folder / "x.set", set, /*overwrite=*/true);
  corpus.Put("text", "set-seven-bits", {0}, ReadFile(DescriptionPath(folder / "x.set")));
  corpus.PutText("count", 1, "3.2M");
  corpus.PutText("range", 1, "62KiB:0.5MB");
  corpus.PutText("split", 1, "500000\n:100K");
  corpus.PutText("cgroup-2", 2,
                 std::string("0::/user.slice/job\n") + '\0' +
                     "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  corpus.PutText("cgroup-1", 2,
                 std::string("4:cpu,cpuacct:/job\n") + '\0' +
                     "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
  corpus.PutText("terminal", 3,
                 "caf\xc3\xa9 \xe2\x82\xac\n\x1b[2J\xff\t\xf0\x9f\x98\x80 \xc2\x9b end");
}

}  // namespace
}  // namespace occam::fuzz

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("arguments: FOLDER");
    const occam::fuzz::Corpus corpus(argv[1]);
    PutArchives(corpus);
    PutModels(corpus);
    PutTokenizers(corpus);
    PutFiles(corpus);
    PutTexts(corpus);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
