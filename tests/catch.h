// The test library, Catch2: version 2 in Debian 12, version 3 in Debian 13. Every test includes it
// through this header and calls the matchers by their names in version 3, within occam.
#ifndef OCCAM_TESTS_CATCH_H_
#define OCCAM_TESTS_CATCH_H_

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_session.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace occam {
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
}  // namespace occam
#else
#include <catch2/catch.hpp>
#include <string>

namespace occam {
inline auto ContainsSubstring(const std::string& text) { return Catch::Matchers::Contains(text); }
}  // namespace occam
#endif

namespace occam {
using Catch::Matchers::StartsWith;
}  // namespace occam

#endif  // OCCAM_TESTS_CATCH_H_
