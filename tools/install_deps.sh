#!/usr/bin/env bash
# Installs what Occam builds, tests and runs with on Debian 12 and 13 (and relatives), by apt.
#   tools/install_deps.sh [--minimal|--full]
# --minimal leaves out MPI, the Python module, the codecs that Occam is compared with, and what only the tests and the checks need. --full adds what the long tests need: libFuzzer, a cross-compiler for
# aarch64, qemu, and libraries from Debian's architecture arm64, which it makes known to dpkg.
set -euo pipefail

build=(
  g++ cmake ninja-build pkg-config git ca-certificates
  libeigen3-dev libdnnl-dev ocl-icd-opencl-dev opencl-c-headers  # the last two: oneDNN's CMake package asks for them
  libhdf5-dev libcxxopts-dev libfmt-dev nlohmann-json3-dev libhwy-dev libxxhash-dev libssl-dev
  zlib1g-dev liblzma-dev libzstd-dev
  libpng-dev libjpeg-dev libsndfile1-dev
)
compare=(libbz2-dev libbrotli-dev libwebp-dev libjxl-dev libflac-dev flac p7zip-full zpaq)  # codecs to compare with
mpi=(libopenmpi-dev openmpi-bin)  # training across processes; the build goes without it (OCCAM_MPI=OFF)
python=(python3-dev pybind11-dev python3-pybind11 python3-skbuild python3-pip python3-venv python3-wheel python3-numpy)  # the Python module; the build goes without it (OCCAM_PYTHON=OFF)
run=(curl unzip xz-utils gzip)
test=(
  catch2 libbenchmark-dev
  procps doxygen clang clang-format clang-tidy hdf5-tools python3 python3-h5py python3-numpy python3-torch python3-xxhash
  python3-matplotlib python3-pil python3-scipy python3-pandas python3-jinja2 python3-tqdm mypy pycodestyle
  python3-pytest python3-nbconvert python3-ipykernel
)
fuzz=(libclang-rt-dev)  # libFuzzer, and the sanitizers of clang++
aarch64=(g++-aarch64-linux-gnu qemu-user libfmt-dev:arm64 libssl-dev:arm64 libxxhash-dev:arm64)

packages=("${build[@]}" "${run[@]}")
foreign=no
case "${1:-}" in
  "") packages+=("${compare[@]}" "${mpi[@]}" "${python[@]}" "${test[@]}") ;;
  --minimal) ;;
  --full) packages+=("${compare[@]}" "${mpi[@]}" "${python[@]}" "${test[@]}" "${fuzz[@]}" "${aarch64[@]}") foreign=yes ;;
  *) echo "install_deps.sh: unknown option $1; see the top of this file" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "install_deps.sh: everything is installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install_deps.sh: needs root to install: ${missing[*]}" >&2; exit 3; }
  as_root=(sudo)
fi
echo "install_deps.sh: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if [ "$foreign" = yes ]; then "${as_root[@]}" dpkg --add-architecture arm64; fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
