#include "coder/weights/ledger.h"

#include <cmath>

#include "tests/catch.h"

namespace occam {

TEST_CASE("Ledger: rates charge exactly what they name") {
  Ledger ledger;
  ledger.original_bytes = 1'000'000;
  ledger.payload_bytes = 199'000;
  ledger.header_bytes = 1'000;
  ledger.model_bytes = 150'000;
  ledger.parameters = 100'000;
  CHECK(ledger.file_bytes() == 200'000);
  CHECK(ledger.RawRate() == Approx(0.2));
  CHECK(ledger.BitsPerByte() == Approx(1.6));
  CHECK(ledger.AdjustedRate() == Approx(0.35));
  CHECK(ledger.PaperAdjustedRate() == Approx(0.4));
}

TEST_CASE("Ledger: the model pays for itself from where both sides are equal, or never") {
  Ledger ledger;
  ledger.original_bytes = 1'000'000;
  ledger.payload_bytes = 200'000;
  ledger.model_bytes = 150'000;
  const double size = BreakEvenBytes(ledger, 0.275);
  CHECK(size == Approx(2'000'000));
  CHECK(size * ledger.RawRate() + 150'000 == Approx(size * 0.275));
  CHECK(std::isinf(BreakEvenBytes(ledger, 0.2)));
  CHECK(std::isinf(BreakEvenBytes(ledger, 0.1)));
  ledger.model_bytes = 0;
  CHECK(BreakEvenBytes(ledger, 0.275) == 0);
}

TEST_CASE("Ledger: empty data has no rate and never pays for a model") {
  const Ledger ledger;
  CHECK(std::isnan(ledger.RawRate()));
  CHECK(std::isinf(BreakEvenBytes(ledger, 0.3)));
}

}  // namespace occam
