// The codec of occam::coder and occam::exact alone, as a decoder-only build has it, and the check
// of the golden files (golden/README.md).
//
//   portable_codec check FOLDER        every golden file decodes to its original, and is what the
//                                      encoder writes today, by plain and fast kernels; one holds
//                                      its model and decodes without another; the same of frames
//   portable_codec check-photos|write-photos FOLDER   the same of photographs, which need no model
//   portable_codec check-programs|write-programs FOLDER   the same of programs
//   portable_codec write FOLDER        makes the coded model, the .occ files, of which one holds
//                                      its model, `frames` and `originals` from FOLDER/model.occm
//   portable_codec remember MODEL OUTPUT.occm   MODEL with a memory of random rows, that predicts a
//                                      little worse
//   portable_codec check-sound|write-sound FOLDER   the same of the files of sound, without a model
//   portable_codec check-dictionary|write-dictionary FOLDER MODEL   the same of files and frames
//                                      that need a dictionary
//   portable_codec encode MODEL chunked|carried INPUT OUTPUT.occ   as the command does
//   portable_codec decode MODEL INPUT.occ OUTPUT
//   portable_codec text|picture|blocks BYTES OUTPUT   something to train on, the same everywhere
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "coder/archive/compressor.h"
#include "coder/archive/decompressor.h"
#include "coder/archive/frame_codec.h"
#include "coder/archive/machine_code.h"
#include "coder/archive/segment_codec.h"
#include "coder/container/container_writer.h"
#include "coder/predict/loaded_model.h"
#include "coder/predict/network_predictor.h"
#include "coder/weights/model_codec.h"
#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/random.h"
#include "model/config_fields.h"
#include "model/parameters.h"
#include "tests/coder/block_pixels.h"
#include "tests/model/lattice_pixels.h"

namespace occam {
namespace {

void Expect(bool good, const std::string& what) {
  if (!good) throw DamagedError(what);
}

// Words of digits and letters, drawn unevenly.
Bytes Text(size_t size, uint64_t seed) {
  Random random(seed);
  Bytes bytes;
  while (bytes.size() < size) {
    Random word(random.Below(1 + random.Below(300)));
    const uint64_t letters = 1 + word.Below(7);
    for (uint64_t i = 0; i < letters; ++i)
      bytes.push_back(static_cast<uint8_t>('a' + word.Below(1 + word.Below(26))));
    bytes.push_back(random.Below(10) == 0 ? '\n' : ' ');
  }
  bytes.resize(size);
  return bytes;
}

// Rows of 16 bytes, which resemble those around them.
Bytes Picture(size_t size, uint64_t seed) {
  constexpr size_t kWidth = 16;
  Random random(seed);
  Bytes bytes;
  for (size_t i = 0; i < size; ++i) {
    const int west = i > 0 ? bytes[i - 1] : 128, north = i >= kWidth ? bytes[i - kWidth] : west;
    const auto some = [&] { return static_cast<int>(random.Below(1 + random.Below(9))); };
    const int near = (west + north) / 2 + some() - some();
    const bool edge = random.Below(40) == 0;
    bytes.push_back(static_cast<uint8_t>(edge ? random.Next() : std::clamp(near, 0, 255)));
  }
  return bytes;
}

// Records of 16 x 16 samples that lie on the lattice of quality 75.
Bytes PixelsOnBlocks(size_t size, uint64_t seed) {
  constexpr size_t kRecordSide = 16;
  const LatticeTables lattice(75);
  Random random(seed);
  Bytes bytes;
  while (bytes.size() < size) {
    const Bytes record = testing::PixelsOnLattice(kRecordSide, kRecordSide, lattice, &random);
    bytes.insert(bytes.end(), record.begin(), record.end());
  }
  bytes.resize(size);
  return bytes;
}

// What the model was trained on.
Bytes Known(size_t size, uint64_t seed, bool signals) {
  return signals ? Picture(size, seed) : Text(size, seed);
}

// Something for every coding method: what the model knows, letters that it never saw, most of which
// follow from the one before, for order 2, noise to be stored.
Bytes Mixture(uint64_t seed, bool signals) {
  Bytes bytes = Known(4096, seed, signals);
  Random random(seed);
  for (uint64_t i = 0, letter = 0; i < 2048; ++i) {
    letter = (letter * 5 + (random.Below(8) == 0 ? 2 : 1)) % 26;
    bytes.push_back(static_cast<uint8_t>('A' + letter));
  }
  for (int i = 0; i < 2048; ++i) bytes.push_back(static_cast<uint8_t>(random.Next()));
  const Bytes end = Known(701, seed + 1, signals);
  bytes.insert(bytes.end(), end.begin(), end.end());
  return bytes;
}

struct GoldenFile {
  std::string name;
  ContextMode mode;
  bool small_segments;             // of 4 lanes of 512 bytes instead of the default layout
  uint32_t lanes = kDefaultLanes;  // of mode adaptive; 0: as many as the encoder finds worthwhile
};

const std::vector<GoldenFile>& GoldenFiles() {
  static const std::vector<GoldenFile> files = {
      {"chunked.occ", ContextMode::kChunked, true},
      {"carried.occ", ContextMode::kCarried, true},
      {"usual-chunked.occ", ContextMode::kChunked, false},
      {"usual-carried.occ", ContextMode::kCarried, false},
      {"adaptive.occ", ContextMode::kFirstAdaptive, true},
      {"usual-adaptive.occ", ContextMode::kFirstAdaptive, false}};
  return files;
}

// Files of the expert that learns bit by bit.
const std::vector<GoldenFile>& ExpertFiles() {
  static const std::vector<GoldenFile> files = {
      {"expert.occ", ContextMode::kSecondAdaptive, true},
      {"usual-expert.occ", ContextMode::kSecondAdaptive, false}};
  return files;
}
// Mode long in its first form.
const GoldenFile& LongFile() {
  static const GoldenFile file = {"long.occ", ContextMode::kFirstLong, true};
  return file;
}
// Modes adaptive and long as they are written today.
const std::vector<GoldenFile>& StepFiles() {
  static const std::vector<GoldenFile> files = {{"step.occ", ContextMode::kAdaptive, true},
                                                {"usual-step.occ", ContextMode::kAdaptive, false},
                                                {"step-long.occ", ContextMode::kLong, true}};
  return files;
}
// One more of each without a model.
constexpr char kAlone[] = "alone.occ";
constexpr char kStepAlone[] = "step-alone.occ";

constexpr char kWithModel[] = "embedded.occ";

// Archives of one segment or none in the short form, format 2.
const std::vector<GoldenFile>& ShortFiles() {
  static const std::vector<GoldenFile> files = {
      {"short-chunked.occ", ContextMode::kChunked, false},
      {"short-carried.occ", ContextMode::kCarried, false},
      {"short-adaptive.occ", ContextMode::kSecondAdaptive, false},
      {"short-step.occ", ContextMode::kAdaptive, false},
      {"short-step-lanes.occ", ContextMode::kAdaptive, false, 0}};
  return files;
}
constexpr char kShortAlone[] = "short-alone.occ";  // without a model
constexpr char kShortWithModel[] = "short-embedded.occ";
constexpr char kShortEmpty[] = "short-empty.occ";

// Bare frames, a line each: bytes of check, record and frame, in hexadecimal digits, - for none.
constexpr char kFrames[] = "frames";

std::string HexOrNone(std::span<const uint8_t> bytes) { return bytes.empty() ? "-" : Hex(bytes); }

std::string FrameLines(const CodecModel& model) {
  Bytes counted(16);
  std::iota(counted.begin(), counted.end(), uint8_t{0});
  Bytes noise(20);
  Random random(1);
  for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random.Next());
  std::string lines;
  for (const Bytes& record : {Bytes{}, Bytes{0}, counted, noise, Text(60, 1), Text(500, 2)}) {
    for (const int check : {0, 1, 2}) {
      FrameCodec codec(model, check);
      const Bytes frame = codec.Encode(record);
      Expect(codec.Decode(frame, kFrames) == record, "a frame decodes to something else");
      lines += std::to_string(check) + " " + HexOrNone(record) + " " + HexOrNone(frame) + "\n";
    }
  }
  return lines;
}

// `model` may be null.
Bytes EncodeUsual(std::span<const uint8_t> original, ContextMode mode, const CodecModel* model,
                  int threads, std::span<const uint8_t> embedded_model = {},
                  bool short_form = false, std::span<const uint8_t> dictionary = {},
                  uint32_t lanes = kDefaultLanes) {
  Bytes file;
  CodecOptions options;
  if (mode == ContextMode::kAdaptive) options.lanes = lanes;
  options.threads = threads;
  options.mode = mode;
  options.embedded_model = embedded_model;
  options.short_form = short_form;
  options.dictionary = dictionary;
  Compress(*MemorySource(original), *MemorySink(&file), model, options);
  return file;
}

Bytes EncodeSmall(std::span<const uint8_t> original, ContextMode mode, const CodecModel& model,
                  int threads, std::span<const uint8_t> dictionary = {}) {
  FileHeader header = DefaultHeader(model.context, mode);
  header.lanes = 4;
  header.lane_symbols = 512;
  header.contract_version = model.contract_version;
  header.model_id = model.model_id;
  if (dictionary.empty()) {
    header.tokenizer_id = model.tokenizer_id;
  } else {
    header.dictionary_id = DictionaryIdOf(dictionary);
  }
  Bytes file;
  const auto sink = MemorySink(&file);
  ContainerWriter writer(*sink, header);
  SegmentCodec codec(header, &model, dictionary);
  for (size_t begin = 0; begin < original.size(); begin += header.segment_bytes()) {
    const size_t size = std::min<size_t>(header.segment_bytes(), original.size() - begin);
    const EncodedSegment segment =
        codec.Encode(original.subspan(begin, size), threads, [](uint32_t) {});
    writer.Append(segment.header, segment.payload);
  }
  writer.Finish();
  return file;
}

Bytes Encode(const GoldenFile& golden, std::span<const uint8_t> original, const CodecModel& model,
             int threads) {
  return golden.small_segments ? EncodeSmall(original, golden.mode, model, threads)
                               : EncodeUsual(original, golden.mode, &model, threads);
}

Bytes Decode(std::span<const uint8_t> file, const CodecModel* model, int threads,
             std::span<const uint8_t> dictionary = {}) {
  Bytes original;
  CodecOptions options;
  options.threads = threads;
  options.dictionary = dictionary;
  Decompress(*MemorySource(file), *MemorySink(&original), model, options);
  return original;
}

// Both versions, the model's id, and the SHA-256 of every golden file's original.
std::map<std::string, std::string> ReadOriginals(const std::string& folder) {
  const Bytes bytes = ReadFile(folder + "/originals");
  std::istringstream lines(std::string(bytes.begin(), bytes.end()));
  std::map<std::string, std::string> values;
  for (std::string name, value; lines >> name >> value;) values[name] = value;
  return values;
}

void CheckFile(const GoldenFile& golden, const Bytes& file, const std::string& digest,
               const CodecModel& model) {
  for (const int threads : {1, 3}) {
    const Bytes original = Decode(file, &model, threads);
    Expect(Hex(Sha256Of(original)) == digest, golden.name + " decodes to something else");
    Expect(Encode(golden, original, model, threads) == file,
           golden.name + " is not what the encoder writes: a new contract or format version?");
  }
}

void CheckShortFile(const GoldenFile& golden, const Bytes& file, const std::string& digest,
                    const CodecModel& model) {
  for (const int threads : {1, 3}) {
    const Bytes original = Decode(file, &model, threads);
    Expect(Hex(Sha256Of(original)) == digest, golden.name + " decodes to something else");
    Expect(EncodeUsual(original, golden.mode, &model, threads, {}, /*short_form=*/true, {},
                       golden.lanes) == file,
           golden.name + " is not what the encoder writes: a new contract or format version?");
  }
}

// The file that holds its model needs no other, and is what the encoder writes with that one.
void CheckFileWithModel(const std::string& name, const Bytes& file, const std::string& digest,
                        Kernels kernels, bool short_form) {
  const Bytes coded = ReadFileInfo(*MemorySource(file)).model;
  const LoadedModel own(coded, name, kernels);
  const Bytes original = Decode(file, &own.codec_model(), 1);
  Expect(Hex(Sha256Of(original)) == digest, name + " decodes to something else");
  Expect(EncodeUsual(original, ContextMode::kCarried, &own.codec_model(), 2, coded, short_form) ==
             file,
         name + " is not what the encoder writes");
}

// A file that needs no model.
void CheckFileAlone(const std::string& name, const Bytes& file, const std::string& digest,
                    ContextMode mode, bool short_form) {
  const Bytes original = Decode(file, nullptr, 1);
  Expect(Hex(Sha256Of(original)) == digest, name + " decodes to something else");
  Expect(EncodeUsual(original, mode, nullptr, 2, {}, short_form) == file,
         name + " is not what the encoder writes");
}

void CheckFolder(const std::string& folder) {
  auto want = ReadOriginals(folder);
  const std::string model_name = folder + "/model.occm";
  const Bytes model_bytes = ReadFile(model_name);
  const QuantizedModel model = ParseModel(model_bytes, model_name);
  Expect(want["contract"] == std::to_string(ContractOf(model.config)) &&
             want["format"] == std::to_string(kContainerVersion),
         folder + " is of another version of contract or format; see golden/README.md");
  Expect(Hex(ModelId(model)) == want["model"], model_name + " has another id");
  Expect(SerialiseModel(model) == model_bytes, model_name + " is written otherwise today");
  const std::string coded_name = folder + "/model.coded.occm";
  const Bytes coded = ReadFile(coded_name);
  Expect(SerialiseModel(DecodeModel(coded, coded_name)) == model_bytes,
         coded_name + " decodes to something else");
  Expect(EncodeModel(model).bytes == coded, coded_name + " is written otherwise today");
  const auto alone = [&](const char* name, ContextMode mode, bool short_form) {
    CheckFileAlone(name, ReadFile(folder + "/" + name), want[name], mode, short_form);
  };
  alone(kAlone, ContextMode::kSecondAdaptive, false);
  alone(kStepAlone, ContextMode::kAdaptive, false);
  for (const char* name : {kShortAlone, kShortEmpty})
    alone(name, ContextMode::kSecondAdaptive, true);
  for (const Kernels kernels : {Kernels::kPlain, Kernels::kFast}) {
    const ExactNetwork network(model, kernels);
    const CodecModel codec_model = NetworkCodecModel(network);
    for (const GoldenFile& golden : GoldenFiles()) {
      const Bytes file = ReadFile(folder + "/" + golden.name);
      CheckFile(golden, file, want[golden.name], codec_model);
      std::printf("%s: %zu bytes, the same (%s)\n", golden.name.c_str(), file.size(),
                  network.kernels_name().c_str());
    }
    for (const auto& files : {ExpertFiles(), StepFiles()})
      for (const GoldenFile& golden : files)
        CheckFile(golden, ReadFile(folder + "/" + golden.name), want[golden.name], codec_model);
    CheckFile(LongFile(), ReadFile(folder + "/" + LongFile().name), want[LongFile().name],
              codec_model);
    CheckFileWithModel(kWithModel, ReadFile(folder + "/" + kWithModel), want[kWithModel], kernels,
                       false);
    for (const GoldenFile& golden : ShortFiles())
      CheckShortFile(golden, ReadFile(folder + "/" + golden.name), want[golden.name], codec_model);
    CheckFileWithModel(kShortWithModel, ReadFile(folder + "/" + kShortWithModel),
                       want[kShortWithModel], kernels, true);
    const Bytes frames = ReadFile(folder + "/" + kFrames);
    Expect(FrameLines(codec_model) == std::string(frames.begin(), frames.end()),
           std::string(kFrames) + " are not what the encoder writes");
  }
}

// Golden files that need no model, each one segment of this method.
template <typename Golden>
void CheckWithoutModel(const std::string& folder, const std::vector<Golden>& files,
                       ContextMode mode, CodingMethod method) {
  auto want = ReadOriginals(folder);
  for (const Golden& golden : files) {
    const Bytes file = ReadFile(folder + "/" + golden.name);
    const Bytes original = Decode(file, nullptr, 2);
    Expect(Hex(Sha256Of(original)) == want[golden.name],
           golden.name + " decodes to something else");
    Expect(EncodeUsual(original, mode, nullptr, 1) == file,
           golden.name + " is not what the encoder writes");
    const auto segments = ReadFileInfo(*MemorySource(file)).segments;
    Expect(segments.size() == 1 && segments[0].method == method,
           golden.name + " has another method");
    std::printf("%s: %zu bytes, the same\n", golden.name.c_str(), file.size());
  }
}

// Photographs of the format of PGM and PPM: hills, an edge and noise.
Bytes Photograph(size_t width, size_t rows, size_t channels, bool was_jpeg, bool has_halves) {
  const std::string header = std::string(channels == 3 ? "P6 " : "P5 ") + std::to_string(width) +
                             " " + std::to_string(rows) + " 255\n";
  Bytes bytes(header.begin(), header.end());
  if (was_jpeg) {
    const Bytes pixels = has_halves ? PixelsOfBlocks({width, rows, 0, 0}, channels, 60, true)
                                    : PixelsOfBlocks({width, rows, 3, 2}, channels, 80);
    bytes.insert(bytes.end(), pixels.begin(), pixels.end());
    return bytes;
  }
  Random random(width);
  for (size_t y = 0; y < rows; ++y) {
    for (size_t x = 0; x < width; ++x) {
      const size_t hill = (x * x / 20 + 3 * y + x * y / 30) % 200 + (x + 2 * y > width ? 30 : 0);
      const uint64_t noise = random.Below(7);
      for (size_t c = 0; c < channels; ++c)
        bytes.push_back(static_cast<uint8_t>(hill + noise + random.Below(3) + 8 * c));
    }
  }
  return bytes;
}

struct GoldenPhoto {
  std::string name;
  size_t width, rows, channels;
  bool was_jpeg = false;
  bool has_halves = false;
};
const std::vector<GoldenPhoto>& GoldenPhotos() {
  static const std::vector<GoldenPhoto> photos = {{"gray.occ", 40, 30, 1},
                                                  {"colour.occ", 24, 20, 3},
                                                  {"gray-blocks.occ", 67, 64, 1, true},
                                                  {"colour-blocks.occ", 72, 60, 3, true},
                                                  {"halved-blocks.occ", 96, 80, 3, true, true}};
  return photos;
}

// Something like machine code: calls of a few functions, operands beside the instruction pointer,
// and other instructions between them.
Bytes Program(InstructionSet set, size_t size) {
  Random random(size);
  Bytes bytes;
  const auto put = [&](uint64_t value, int width) {
    for (int i = 0; i < width; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  const auto distance = [&](uint64_t unit) {
    const uint64_t target = 64 * random.Below(12);
    return target - bytes.size() / unit;
  };
  while (bytes.size() + 16 < size) {
    const uint64_t kind = random.Below(3);
    if (set == InstructionSet::kArm64) {
      put(kind == 0   ? 0x94000000 | (distance(4) & 0x3ffffff)
          : kind == 1 ? 0x90000000 | (random.Below(4) << 5)
                      : 0xf9400000 | (random.Below(8) << 10),
          4);
      continue;
    }
    if (kind == 0) {
      put(0xe8, 1);
      put(distance(1) - 4, 4);
    } else if (kind == 1) {
      put(0x058b48, 3);
      put(distance(1) + 4000, 4);
    } else {
      put(0x24448948 + (random.Below(4) << 27), 5);
    }
  }
  return bytes;
}

struct GoldenProgram {
  std::string name;
  InstructionSet set;
};
const std::vector<GoldenProgram>& GoldenPrograms() {
  static const std::vector<GoldenProgram> programs = {{"x86.occ", InstructionSet::kX86},
                                                      {"arm64.occ", InstructionSet::kArm64}};
  return programs;
}

// Files that need a dictionary: in the short form without and with a model, and two segments of
// four lanes, in which a new version of the dictionary follows other text.
constexpr char kDictionary[] = "dictionary";
constexpr char kAfterDictionary[] = "alone.occ";
constexpr char kModelAfterDictionary[] = "model.occ";
constexpr char kLanesAfterDictionary[] = "lanes.occ";

std::map<std::string, Bytes> EncodeAfterDictionary(std::span<const uint8_t> dictionary,
                                                   const std::map<std::string, Bytes>& originals,
                                                   const CodecModel& model, int threads) {
  const auto usual = [&](const char* name, const CodecModel* by) {
    return EncodeUsual(originals.at(name), ContextMode::kAdaptive, by, threads, {},
                       /*short_form=*/true, dictionary);
  };
  std::map<std::string, Bytes> files;
  files[kAfterDictionary] = usual(kAfterDictionary, nullptr);
  files[kModelAfterDictionary] = usual(kModelAfterDictionary, &model);
  files[kLanesAfterDictionary] = EncodeSmall(originals.at(kLanesAfterDictionary),
                                             ContextMode::kAdaptive, model, threads, dictionary);
  return files;
}

std::string FrameLinesAfter(std::span<const uint8_t> dictionary, const CodecModel& model) {
  FrameCodec codec(model, 1, nullptr, dictionary);
  std::string lines;
  for (const Bytes& record : {Bytes{}, Text(60, 1), Text(300, 2)}) {
    const Bytes frame = codec.Encode(record);
    Expect(codec.Decode(frame, kFrames) == record, "a frame decodes to something else");
    lines += "1 " + HexOrNone(record) + " " + HexOrNone(frame) + "\n";
  }
  return lines;
}

void CheckDictionary(const std::string& folder, const QuantizedModel& model) {
  auto want = ReadOriginals(folder);
  const Bytes dictionary = ReadFile(folder + "/" + kDictionary);
  for (const Kernels kernels : {Kernels::kPlain, Kernels::kFast}) {
    const ExactNetwork network(model, kernels);
    const CodecModel codec_model = NetworkCodecModel(network);
    for (const int threads : {1, 3}) {
      std::map<std::string, Bytes> files, originals;
      for (const char* name : {kAfterDictionary, kModelAfterDictionary, kLanesAfterDictionary}) {
        files[name] = ReadFile(folder + "/" + name);
        const bool alone = std::string(name) == kAfterDictionary;
        originals[name] = Decode(files[name], alone ? nullptr : &codec_model, threads, dictionary);
        Expect(Hex(Sha256Of(originals[name])) == want[name],
               std::string(name) + " decodes to something else");
      }
      Expect(EncodeAfterDictionary(dictionary, originals, codec_model, threads) == files,
             folder + " has files that the encoder does not write");
    }
    const Bytes frames = ReadFile(folder + "/" + kFrames);
    Expect(FrameLinesAfter(dictionary, codec_model) == std::string(frames.begin(), frames.end()),
           folder + " has frames that the encoder does not write");
  }
}

ExactNetwork LoadNetwork(const std::string& path, Kernels kernels) {
  return ExactNetwork(ParseModel(ReadFile(path), path), kernels);
}

void WriteText(const std::string& path, const std::string& text) {
  WriteFile(path, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

// Files of sound: their names, modes and channels.
struct SoundFile {
  std::string name;
  ContextMode mode;
  uint32_t channels;
};
const std::vector<SoundFile>& SoundFiles() {
  static const std::vector<SoundFile> files = {{"mono.occ", ContextMode::kChunked, 1},
                                               {"stereo.occ", ContextMode::kSecondAdaptive, 2},
                                               {"step-stereo.occ", ContextMode::kAdaptive, 2}};
  return files;
}

// A WAV file of a resonance that noise excites, in integers. A second channel has it later and
// louder. A few bytes follow the samples.
Bytes Recording(uint32_t channels) {
  constexpr uint32_t kSamples = 1400;
  Bytes bytes;
  const auto put = [&](uint32_t value, int width) {
    for (int i = 0; i < width; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  const auto tag = [&](const std::string& name) {
    bytes.insert(bytes.end(), name.begin(), name.end());
  };
  tag("RIFF");
  put(36 + 2 * kSamples + 5, 4);
  tag("WAVEfmt ");
  put(16, 4);
  put(1, 2);
  put(channels, 2);
  put(16000, 4);
  put(32000 * channels, 4);
  put(2 * channels, 2);
  put(16, 2);
  tag("data");
  put(2 * kSamples, 4);
  Random random(channels);
  std::vector<int32_t> past(8);
  for (uint32_t i = 0; i < kSamples / channels; ++i) {
    const auto noise = [&] { return static_cast<int32_t>(random.Below(301)) - 150; };
    const auto at = [&](uint32_t ago) { return past[(i + 8 - ago) % 8]; };
    const int32_t now = (1850 * at(1) - 930 * at(2)) / 1024 + noise();
    past[i % 8] = now;
    put(static_cast<uint32_t>(now), 2);
    if (channels == 2) put(static_cast<uint32_t>(at(3) * 5 / 4 + noise() / 8), 2);
  }
  tag("LIST\1");
  return bytes;
}

Bytes EncodeSound(const SoundFile& golden) {
  return EncodeUsual(Recording(golden.channels), golden.mode, nullptr, 2);
}

void CheckSound(const std::string& folder) {
  auto want = ReadOriginals(folder);
  for (const SoundFile& golden : SoundFiles()) {
    const Bytes file = ReadFile(folder + "/" + golden.name);
    const Bytes original = Decode(file, nullptr, 1);
    Expect(Hex(Sha256Of(original)) == want[golden.name],
           golden.name + " decodes to something else");
    for (const SegmentHeader& segment : ReadFileInfo(*MemorySource(file)).segments)
      Expect(segment.method == CodingMethod::kSound, golden.name + " is of another method");
    Expect(EncodeSound(golden) == file, golden.name + " is not what the encoder writes");
    std::printf("%s: %zu bytes, the same\n", golden.name.c_str(), file.size());
  }
}

void WriteSound(const std::string& folder) {
  std::ostringstream originals;
  for (const SoundFile& golden : SoundFiles()) {
    WriteFile(folder + "/" + golden.name, EncodeSound(golden));
    originals << golden.name << " " << Hex(Sha256Of(Recording(golden.channels))) << "\n";
  }
  WriteText(folder + "/originals", originals.str());
}

void WriteDictionary(const std::string& folder, const std::string& model_name) {
  const ExactNetwork network = LoadNetwork(model_name, Kernels::kPlain);
  const Bytes dictionary = Text(700, 21);
  Bytes changed = dictionary;
  for (size_t i = 100; i < changed.size(); i += 250) changed[i] = '#';
  Bytes long_one = Text(2100, 22);
  long_one.insert(long_one.end(), changed.begin(), changed.end());
  const std::map<std::string, Bytes> originals = {{kAfterDictionary, changed},
                                                  {kModelAfterDictionary, Text(500, 23)},
                                                  {kLanesAfterDictionary, long_one}};
  const CodecModel model = NetworkCodecModel(network);
  WriteFile(folder + "/" + kDictionary, dictionary);
  std::ostringstream digests;
  for (const auto& [name, file] : EncodeAfterDictionary(dictionary, originals, model, 1)) {
    WriteFile(folder + "/" + name, file);
    digests << name << " " << Hex(Sha256Of(originals.at(name))) << "\n";
    std::printf("%s: %zu bytes\n", name.c_str(), file.size());
  }
  WriteText(folder + "/originals", digests.str());
  WriteText(folder + "/" + kFrames, FrameLinesAfter(dictionary, model));
}

void WriteFolder(const std::string& folder) {
  const ExactNetwork network = LoadNetwork(folder + "/model.occm", Kernels::kPlain);
  const Bytes coded = EncodeModel(network.model()).bytes;
  WriteFile(folder + "/model.coded.occm", coded);
  const CodecModel model = NetworkCodecModel(network);
  std::ostringstream originals;
  originals << "contract " << ContractOf(network.config()) << "\nformat " << kContainerVersion
            << "\nmodel " << Hex(network.id()) << "\n";
  uint64_t seed = 1000;
  const bool signals = network.config().has_signals();
  const auto write = [&](const GoldenFile& golden) {
    const Bytes original =
        golden.small_segments ? Mixture(++seed, signals) : Known(5000, ++seed, signals);
    const Bytes file = Encode(golden, original, model, 1);
    for (const SegmentHeader& segment : ReadFileInfo(*MemorySource(file)).segments) {
      std::printf("%s, segment %u: method %d, %u bytes\n", golden.name.c_str(), segment.number,
                  static_cast<int>(segment.method), segment.payload_bytes);
    }
    WriteFile(folder + "/" + golden.name, file);
    originals << golden.name << " " << Hex(Sha256Of(original)) << "\n";
  };
  for (const GoldenFile& golden : GoldenFiles()) write(golden);
  const Bytes last = Known(5000, ++seed, signals);
  WriteFile(folder + "/" + kWithModel, EncodeUsual(last, ContextMode::kCarried, &model, 1, coded));
  originals << kWithModel << " " << Hex(Sha256Of(last)) << "\n";
  for (const GoldenFile& golden : ExpertFiles()) write(golden);
  const Bytes alone = Text(3000, ++seed);
  WriteFile(folder + "/" + kAlone, EncodeUsual(alone, ContextMode::kSecondAdaptive, nullptr, 1));
  originals << kAlone << " " << Hex(Sha256Of(alone)) << "\n";
  const auto put = [&](const std::string& name, const Bytes& original, ContextMode mode,
                       const CodecModel* by, std::span<const uint8_t> travelling = {},
                       uint32_t lanes = kDefaultLanes) {
    WriteFile(folder + "/" + name, EncodeUsual(original, mode, by, 1, travelling, true, {}, lanes));
    originals << name << " " << Hex(Sha256Of(original)) << "\n";
  };
  for (const GoldenFile& golden : ShortFiles())
    if (golden.mode != ContextMode::kAdaptive)
      put(golden.name, Known(5000, ++seed, signals), golden.mode, &model);
  put(kShortAlone, Text(3000, ++seed), ContextMode::kSecondAdaptive, nullptr);
  put(kShortWithModel, Known(5000, ++seed, signals), ContextMode::kCarried, &model, coded);
  put(kShortEmpty, {}, ContextMode::kSecondAdaptive, nullptr);
  write(LongFile());
  for (const GoldenFile& golden : StepFiles()) write(golden);
  for (const GoldenFile& golden : ShortFiles())
    if (golden.mode == ContextMode::kAdaptive)
      put(golden.name, Known(5000, ++seed, signals), golden.mode, &model, {}, golden.lanes);
  const Bytes last_alone = Text(3000, ++seed);
  WriteFile(folder + "/" + kStepAlone, EncodeUsual(last_alone, ContextMode::kAdaptive, nullptr, 1));
  originals << kStepAlone << " " << Hex(Sha256Of(last_alone)) << "\n";
  WriteText(folder + "/originals", originals.str());
  WriteText(folder + "/" + kFrames, FrameLines(model));
}

void WritePhotos(const std::string& folder) {
  std::ostringstream originals;
  for (const GoldenPhoto& golden : GoldenPhotos()) {
    const Bytes original =
        Photograph(golden.width, golden.rows, golden.channels, golden.was_jpeg, golden.has_halves);
    WriteFile(folder + "/" + golden.name,
              EncodeUsual(original, ContextMode::kAdaptive, nullptr, 1));
    originals << golden.name << " " << Hex(Sha256Of(original)) << "\n";
  }
  WriteText(folder + "/originals", originals.str());
}

void WritePrograms(const std::string& folder) {
  constexpr size_t kBytes = 1500;
  std::ostringstream originals;
  for (const GoldenProgram& golden : GoldenPrograms()) {
    const Bytes original = Program(golden.set, kBytes);
    WriteFile(folder + "/" + golden.name,
              EncodeUsual(original, ContextMode::kAdaptive, nullptr, 1));
    originals << golden.name << " " << Hex(Sha256Of(original)) << "\n";
  }
  WriteText(folder + "/originals", originals.str());
}

// Files of a model with kinds of contexts: segments of text and of a picture in turn. Those of a
// model with lattices have the same names: blocks that were JPEG files, and a picture between.
const std::vector<GoldenFile>& KindFiles() {
  static const std::vector<GoldenFile> files = {{"chunked.occ", ContextMode::kChunked, true},
                                                {"carried.occ", ContextMode::kCarried, true},
                                                {"step.occ", ContextMode::kAdaptive, true}};
  return files;
}

void CheckKinds(const std::string& folder) {
  auto want = ReadOriginals(folder);
  for (const Kernels kernels : {Kernels::kPlain, Kernels::kFast}) {
    const ExactNetwork network = LoadNetwork(folder + "/model.occm", kernels);
    const CodecModel model = NetworkCodecModel(network);
    for (const GoldenFile& golden : KindFiles())
      CheckFile(golden, ReadFile(folder + "/" + golden.name), want[golden.name], model);
  }
}

// Three parts, a segment each, from their number and a seed.
using Parts = Bytes (*)(int part, uint64_t seed);

void WriteKinds(const std::string& folder, Parts parts) {
  const ExactNetwork network = LoadNetwork(folder + "/model.occm", Kernels::kPlain);
  const CodecModel model = NetworkCodecModel(network);
  std::ostringstream originals;
  uint64_t seed = 2000;
  for (const GoldenFile& golden : KindFiles()) {
    Bytes original;
    for (int number = 0; number < 3; ++number) {
      const Bytes part = parts(number, ++seed);
      original.insert(original.end(), part.begin(), part.end());
    }
    const Bytes file = Encode(golden, original, model, 1);
    WriteFile(folder + "/" + golden.name, file);
    originals << golden.name << " " << Hex(Sha256Of(original)) << "\n";
    size_t at = kFileHeaderBytes + kSegmentHeaderBytes;
    for (const SegmentHeader& segment : ReadFileInfo(*MemorySource(file)).segments) {
      std::printf("%s, segment %u: method %d, %u bytes, kind %d\n", golden.name.c_str(),
                  segment.number, static_cast<int>(segment.method), segment.payload_bytes,
                  file[at]);
      at += kSegmentHeaderBytes + segment.payload_bytes;
    }
  }
  WriteText(folder + "/originals", originals.str());
}

// The model with rules of each kind, tables of random codes of which half the rows hold nothing,
// and random projections so small that it still predicts.
QuantizedModel WithMemory(const QuantizedModel& plain) {
  QuantizedModel model = plain;
  model.config.memory_rules = {{RuleKind::kSymbols, 1, 5},
                               {RuleKind::kSymbols, 3, 6},
                               {RuleKind::kWords, 1, 5},
                               {RuleKind::kWords, 2, 6}};
  model.config.memory_width = 8;
  model.config.memory_gate = 1;
  Random random(5);
  const auto code = [&](int most) {
    const auto codes = static_cast<uint64_t>(2 * most + 1);
    return static_cast<int8_t>(static_cast<int>(random.Below(codes)) - most);
  };
  for (const ParameterSpec& spec : ParameterTable(model.config)) {
    if (!spec.of_memory) continue;
    QuantizedTensor& tensor = model.tensors.emplace_back();
    const float scale = spec.name == "memory_gates" ? 0x1p-6f : 0x1p-9f;
    tensor.floats.assign(static_cast<size_t>(spec.rows), scale);
    for (int64_t i = 0; i < spec.size(); ++i) tensor.codes.push_back(code(kMaxWeightCode));
  }
  model.memory.step = 0x1p-2f;
  for (int64_t row = 0; row < model.config.memory_rows(); ++row) {
    const bool used = random.Below(2) == 1;
    for (int k = 0; k < model.config.memory_width; ++k)
      model.memory.codes.push_back(used ? code(3) : int8_t{0});
  }
  return model;
}

void Main(const std::vector<std::string>& arguments) {
  const std::string what = arguments.empty() ? "" : arguments[0];
  if (what == "check" && arguments.size() == 2) {
    CheckFolder(arguments[1]);
  } else if (what == "check-photos" && arguments.size() == 2) {
    CheckWithoutModel(arguments[1], GoldenPhotos(), ContextMode::kChunked, CodingMethod::kPhoto);
  } else if (what == "write-photos" && arguments.size() == 2) {
    WritePhotos(arguments[1]);
  } else if (what == "check-programs" && arguments.size() == 2) {
    CheckWithoutModel(arguments[1], GoldenPrograms(), ContextMode::kAdaptive,
                      CodingMethod::kProgram);
  } else if (what == "write-programs" && arguments.size() == 2) {
    WritePrograms(arguments[1]);
  } else if (what == "write" && arguments.size() == 2) {
    WriteFolder(arguments[1]);
  } else if (what == "check-kinds" && arguments.size() == 2) {
    CheckKinds(arguments[1]);
  } else if (what == "write-kinds" && arguments.size() == 2) {
    WriteKinds(arguments[1], [](int part, uint64_t seed) { return Known(2048, seed, part == 1); });
  } else if (what == "write-lattice" && arguments.size() == 2) {
    WriteKinds(arguments[1], [](int part, uint64_t seed) {
      return part == 1 ? Picture(2048, seed) : PixelsOnBlocks(2048, seed);
    });
  } else if (what == "check-sound" && arguments.size() == 2) {
    CheckSound(arguments[1]);
  } else if (what == "write-sound" && arguments.size() == 2) {
    WriteSound(arguments[1]);
  } else if (what == "check-dictionary" && arguments.size() == 3) {
    CheckDictionary(arguments[1], ParseModel(ReadFile(arguments[2]), arguments[2]));
  } else if (what == "write-dictionary" && arguments.size() == 3) {
    WriteDictionary(arguments[1], arguments[2]);
  } else if (what == "remember" && arguments.size() == 3) {
    const QuantizedModel model = ParseModel(ReadFile(arguments[1]), arguments[1]);
    WriteFile(arguments[2], SerialiseModel(WithMemory(model)));
  } else if (what == "encode" && arguments.size() == 5) {
    const ExactNetwork network = LoadNetwork(arguments[1], Kernels::kFast);
    const auto mode = arguments[2] == "carried" ? ContextMode::kCarried : ContextMode::kChunked;
    const CodecModel model = NetworkCodecModel(network);
    WriteFile(arguments[4],
              EncodeUsual(ReadFile(arguments[3]), mode, &model, 2, {}, /*short_form=*/true));
  } else if (what == "decode" && arguments.size() == 4) {
    const ExactNetwork network = LoadNetwork(arguments[1], Kernels::kFast);
    const CodecModel model = NetworkCodecModel(network);
    WriteFile(arguments[3], Decode(ReadFile(arguments[2]), &model, 2));
  } else if (what == "blocks" && arguments.size() == 3) {
    WriteFile(arguments[2], PixelsOnBlocks(std::stoul(arguments[1]), 1));
  } else if ((what == "text" || what == "picture") && arguments.size() == 3) {
    const size_t size = std::strtoul(arguments[1].c_str(), nullptr, 10);
    WriteFile(arguments[2], Known(size, 1, what == "picture"));
  } else {
    throw UsageError(
        "usage: portable_codec "
        "check|write|check-sound|write-sound|check-photos|write-photos|check-programs|"
        "write-programs|check-kinds|write-kinds|write-lattice|check-dictionary|write-dictionary|"
        "remember|encode|"
        "decode|text|picture|blocks ...");
  }
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  try {
    occam::Main(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const occam::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.kind());
  }
}
