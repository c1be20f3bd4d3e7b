// costs FILE [chunked|carried|adaptive]: the bits that each byte of a file costs, a byte a line,
// and their sum on standard error.
#include <occam/occam.h>

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

int main(int argc, char** argv) try {
  if (argc < 2) throw std::runtime_error("usage: costs FILE [chunked|carried|adaptive]");
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(file)), {});
  if (!file) throw std::runtime_error(std::string(argv[1]) + " cannot be read");

  occam::Options options;
  const std::string mode = argc > 2 ? argv[2] : "chunked";
  if (mode == "carried") options.mode = occam::Mode::kCarried;
  if (mode == "adaptive") options.mode = occam::Mode::kAdaptive;
  const std::vector<float> bits = occam::Costs(bytes, options);

  double sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += bits[i];
    if (std::isgraph(bytes[i]) != 0)
      std::printf("%zu\t%c\t%.3f\n", i, bytes[i], bits[i]);
    else
      std::printf("%zu\t0x%02x\t%.3f\n", i, bytes[i], bits[i]);
  }
  std::fprintf(stderr, "%s: %zu bytes cost %.0f bytes\n", argv[1], bytes.size(), sum / 8);
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
