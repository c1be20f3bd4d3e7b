#define CATCH_CONFIG_RUNNER  // Catch2 2 puts its implementation into the file that defines it
#include "tests/catch.h"

// Runs the tests of a program as its arguments say; both versions of Catch2 take this form.
int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
