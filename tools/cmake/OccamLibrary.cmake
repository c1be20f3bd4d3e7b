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

function(occam_library)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" name ${folder})
  add_library(occam_${name} STATIC ${ARGN})
  add_library(occam::${name} ALIAS occam_${name})
  occam_flags(occam_${name})
  # What belongs to liboccam.so shows nothing but the functions of occam_c.h.
  set_target_properties(occam_${name} PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(occam_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
endfunction()
