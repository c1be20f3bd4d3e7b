// simple FILE: compresses a file with the built-in model, writes FILE.occ, reads that back,
// restores it and compares. Exits with 0 when both are equal.
//
//   c++ -std=c++20 simple.cc $(pkg-config --cflags --libs occam) -o simple
#include <occam/occam.h>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::vector<uint8_t> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(file)), {});
  if (!file) throw std::runtime_error(path + " cannot be read");
  return bytes;
}

void WriteFile(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<long>(bytes.size()));
  if (!file.flush()) throw std::runtime_error(path + " cannot be written");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("usage: simple FILE");
  const std::string path = argv[1];
  const std::vector<uint8_t> bytes = ReadFile(path);
  WriteFile(path + ".occ", occam::CompressBytes(bytes));

  const std::vector<uint8_t> file = ReadFile(path + ".occ");
  if (occam::DecompressBytes(file) != bytes) throw std::runtime_error("the bytes differ");
  std::cout << path << ": " << bytes.size() << " -> " << file.size()
            << " bytes, restored and equal\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
