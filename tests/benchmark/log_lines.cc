#include "tests/benchmark/log_lines.h"

#include <iterator>

#include "data/base/format.h"
#include "data/base/random.h"

namespace occam {
namespace {

struct Request {
  const char* before;  // of the number in its path
  const char* after;
  uint64_t numbers;    // how many different ones there are
  uint64_t median_ms;  // of its time
};

// The first ones come most often.
constexpr Request kRequests[] = {
    {"GET /items/", "", 40000, 12},    {"POST /carts/", "/items", 9000, 35},
    {"GET /search?page=", "", 20, 80}, {"GET /users/", "", 60000, 9},
    {"POST /orders/", "", 30000, 140}, {"POST /payments/", "/confirm", 30000, 420},
};

// Draws below n; small numbers come more often.
uint64_t Skewed(Random& random, uint64_t n) {
  const uint64_t bound = 1 + random.Below(n);
  return random.Below(bound);
}

std::string Time(Random& random) {
  const uint64_t month = 1 + random.Below(12);
  const uint64_t day = 1 + random.Below(28);
  const uint64_t second = random.Below(24 * 60 * 60);
  const uint64_t ms = random.Below(1000);
  return fmt::format("2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", month, day, second / 3600,
                     second / 60 % 60, second % 60, ms);
}

std::string Line(Random& random) {
  const std::string time = Time(random);
  const Request& request = kRequests[Skewed(random, std::size(kRequests))];
  const uint64_t kind = random.Below(100);
  const int status = kind < 88 ? 200 : kind < 95 ? 404 : kind < 98 ? 401 : 500;
  const char* const level = status == 200 ? "info" : status == 500 ? "error" : "warn";
  const uint64_t address = random.Below(uint64_t{1} << 24);
  const uint64_t id = random.Next();
  const uint64_t user = 1 + random.Below(100000);
  const uint64_t number = 1 + Skewed(random, request.numbers);
  const uint64_t ms = 1 + request.median_ms * (20 + Skewed(random, 400)) / 100;
  const uint64_t bytes = 200 + Skewed(random, 20000);
  return fmt::format(R"({{"ts":"{}","level":"{}","ip":"10.{}.{}.{}","req":"{:016x}","user":{},)"
                     R"("msg":"{}{}{} {}","ms":{},"bytes":{}}})",
                     time, level, address >> 16, address >> 8 & 255, address & 255, id, user,
                     request.before, number, request.after, status, ms, bytes);
}

}  // namespace

std::vector<std::string> LogLines(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<std::string> lines;
  lines.reserve(count);
  for (size_t i = 0; i < count; ++i) lines.push_back(Line(random));
  return lines;
}

}  // namespace occam
