# Writes the header that tells the version and the commit of the sources. It runs in every build, because a commit changes no
# file that CMake watches; the header is rewritten only where it would be another, so nothing is compiled in vain.
#   cmake -DSOURCE=FOLDER -DTEMPLATE=version.h.in -DOUTPUT=version.h -DPROJECT_VERSION=X.Y.Z -P OccamVersion.cmake
foreach(needed SOURCE TEMPLATE OUTPUT PROJECT_VERSION)
  if(NOT DEFINED ${needed})
    message(FATAL_ERROR "OccamVersion.cmake needs -D${needed}=...")
  endif()
endforeach()

# The folder must itself be a checkout: sources unpacked inside some other checkout have no commit of their own.
set(OCCAM_COMMIT "")
execute_process(COMMAND git -C ${SOURCE} rev-parse --show-toplevel
                OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
if(NOT failed)
  file(REAL_PATH ${top} top)
  file(REAL_PATH ${SOURCE} source)
  if(top STREQUAL source)
    # "-changed" where tracked files differ from the commit.
    execute_process(COMMAND git -C ${SOURCE} describe --always --exclude=* --abbrev=10 --dirty=-changed
                    OUTPUT_VARIABLE OCCAM_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
