#!/usr/bin/env bash
# Installs the build into a folder and builds a program against the installed package.
#   install_test.sh BUILD_DIR CXX
set -euo pipefail
build=$1 cxx=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >/dev/null
mkdir "$work/user"
cat >"$work/user/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.25)
project(user CXX)
find_package(occam REQUIRED)
add_executable(user user.cc)
target_link_libraries(user PRIVATE occam::coder occam::model)
EOF
cat >"$work/user/user.cc" <<'EOF'
#include <cstdio>

#include "model/exact/quantized_model.h"
#include "model/parameters.h"

int main() {
  const occam::ModelConfig config = occam::FamilyConfigFor(200'000);
  occam::ParameterSet weights(config);
  occam::Initialise(config, &weights, 1);
  std::printf("%lld parameters, contract %d\n", static_cast<long long>(weights.size()), occam::kContractVersion);
}
EOF
cmake -S "$work/user" -B "$work/user/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$cxx" >/dev/null
cmake --build "$work/user/build" >/dev/null
"$work/user/build/user" | tee "$work/out"
grep -q '^221568 parameters, contract 3$' "$work/out"
"$work/prefix/bin/occam" --version
"$work/prefix/bin/occam" baselines --list | grep -q '^gzip'

