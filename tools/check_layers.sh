#!/usr/bin/env bash
# Folders are layers (DESIGN.md section 2): fails on an include that points the wrong way, and on a third-party header
# outside the few files that may know it. Also run as a test.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
complain() { echo "check_layers.sh: $1" >&2; status=1; }

# Prints "FILE:LINE:HEADER" for each include of ours in the given folder.
includes_of() {
  grep -rnoE '^#include "[a-z_0-9/.]+"' --include='*.h' --include='*.cc' "$1" | sed -E 's/#include "//; s/"$//'
}

allow() {  # FOLDER REGEX: what files of FOLDER may include
  local folder=$1 allowed=$2 line
  while IFS= read -r line; do
    local file=${line%%:*} header=${line##*:}
    # The files that join the coder and the model.
    if [[ $file =~ ^coder/(lm_codec|model_codec|model_walk|ledger)\. && $header == model/* ]]; then continue; fi
    [[ $header =~ $allowed ]] || complain "$file includes $header"
  done < <(includes_of "$folder")
}

allow data '^data/'
allow model '^(data|model)/'
allow coder '^(data|coder)/'
allow train '^(data|model|train)/'
while IFS= read -r line; do
  [[ ${line##*:} == data/base/* ]] || complain "${line%%:*} includes ${line##*:}: data/base stands alone"
done < <(includes_of data/base)
while IFS= read -r line; do
  [[ ${line##*:} =~ ^(data/base/|model/exact/|model/(config|parameters|rotary|simd_targets|tiles)\.h) ]] ||
    complain "${line%%:*} includes ${line##*:}: the decoder needs only model/exact, the configuration and data/base"
done < <(includes_of model/exact)

# Third-party headers stay behind few files.
confine() {  # REGEX-OF-HEADER REGEX-OF-FILES
  local file
  while IFS= read -r file; do
    [[ $file =~ $2 ]] || complain "$file includes a header like $1"
  done < <(grep -rlE "^#include [<\"]$1" --include='*.h' --include='*.cc' data model coder train tools)
}
confine '(oneapi/dnnl|dnnl)' '^model/(matmul|simd_targets)\.cc$'
confine '(hdf5|H5)' '^model/h5_(handle\.h|reader\.cc|writer\.cc)$'
confine 'Eigen/' '^train/vector\.h$'
confine 'mpi\.h' '^train/mpi_communicator\.cc$'
confine 'cxxopts' '^tools/'
confine 'png\.h' '^(data/png_image|coder/classical/png_codec)\.cc$'
confine '(jpeglib|jerror)\.h' '^data/jpeg_image\.cc$'
confine 'sndfile\.h' '^data/speech\.cc$'
confine 'openssl/' '^data/base/digest\.cc$'
confine '(webp|jxl|brotli)/|bzlib\.h' '^coder/classical/'
confine 'xxhash' '^data/base/digest\.cc$'

[ $status -eq 0 ] && echo "check_layers.sh: every include points the right way"
exit $status
