# occam_library(SOURCES...): the one library of the current folder, with our warnings and our arithmetic. Its name is the
# folder's: coder/entropy becomes the target occam_coder_entropy, which others link as occam::coder_entropy.

function(occam_flags target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # The numeric contract (docs/spec/contract.md): a multiply and an add are two roundings, on every processor, in the order
  # that is written. These flags stand after those of whoever builds, and so undo fast math and its parts.
  target_compile_options(${target} PRIVATE
    -fno-fast-math -fno-unsafe-math-optimizations -fno-associative-math -fno-reciprocal-math -fno-finite-math-only
    -fsigned-zeros -ffp-contract=off
    -Wall -Wextra -Wpedantic -Wshadow -Wold-style-cast -Wcast-align -Wnon-virtual-dtor
    -Woverloaded-virtual -Wdouble-promotion -Wformat=2 -Wimplicit-fallthrough
    # g++ 12 warns of assignments to std::string that cannot happen (its bug 105329).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    $<$<BOOL:${OCCAM_WERROR}>:-Werror>)
endfunction()

# What belongs to liboccam.so shows nothing but the functions of occam_c.h.
function(occam_library_flags target)
  occam_flags(${target})
  set_target_properties(${target} PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()

# A cache of compilers' results does better than precompiled headers.
set(OCCAM_PRECOMPILES ${OCCAM_PRECOMPILE})
if(CMAKE_CXX_COMPILER_LAUNCHER)
  set(OCCAM_PRECOMPILES OFF)
endif()

# occam_headers(NAME HEADER...): headers that are read once for all targets to which occam_precompile gives them. These have the
# flags of NAME.
function(occam_headers name)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${name}.cc CONTENT "")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/${name}.cc)
  if(OCCAM_PRECOMPILES)
    target_precompile_headers(${name} PRIVATE ${ARGN})
  endif()
endfunction()

function(occam_precompile target name)
  if(OCCAM_PRECOMPILES)
    target_precompile_headers(${target} REUSE_FROM ${name})
    # g++ 12 warns of what is in such a header, where it would be silent of a system's.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
      $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>)
  endif()
endfunction()

function(occam_library)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" name ${folder})
  add_library(occam_${name} STATIC ${ARGN})
  add_library(occam::${name} ALIAS occam_${name})
  occam_library_flags(occam_${name})
  if(NOT TARGET occam_library_headers)
    occam_headers(occam_library_headers
      <algorithm> <array> <atomic> <chrono> <cmath> <filesystem> <functional> <map> <memory> <numeric> <optional> <span> <string>
      <thread> <vector>)
    occam_library_flags(occam_library_headers)
  endif()
  occam_precompile(occam_${name} occam_library_headers)
  target_include_directories(occam_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
endfunction()
