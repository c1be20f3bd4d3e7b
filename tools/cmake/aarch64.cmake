# A toolchain for aarch64 from Debian's cross-compiler and arm64 packages (tools/install_deps.sh --full):
#   cmake -S . -B build/aarch64 -G Ninja --toolchain tools/cmake/aarch64.cmake -DOCCAM_DECODER_ONLY=ON
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
