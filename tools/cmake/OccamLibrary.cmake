# occam_library(NAME SOURCES...): one library a folder, `occam::NAME`, with our warnings and our arithmetic.

function(occam_flags target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # The numeric contract (DESIGN.md section 4): a multiply and an add are two roundings, on every processor.
  target_compile_options(${target} PRIVATE
    -ffp-contract=off
    -Wall -Wextra -Wpedantic -Wshadow -Wold-style-cast -Wcast-align -Wnon-virtual-dtor
    -Woverloaded-virtual -Wdouble-promotion -Wformat=2 -Wimplicit-fallthrough
    # g++ 12 warns of assignments to std::string that cannot happen (its bug 105329).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    $<$<BOOL:${OCCAM_WERROR}>:-Werror>)
endfunction()

function(occam_library name)
  add_library(occam_${name} STATIC ${ARGN})
  add_library(occam::${name} ALIAS occam_${name})
  set_target_properties(occam_${name} PROPERTIES EXPORT_NAME ${name})
  occam_flags(occam_${name})
  target_include_directories(occam_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/occam>)
  install(TARGETS occam_${name} EXPORT occamTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()
