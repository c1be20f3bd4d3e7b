#!/usr/bin/env bash
# Folders are layers (docs/architecture.md). Fails on a file that reaches a folder which its own folder does not list below,
# directly or through what it includes, and on a third-party header outside the few files that may know it. A folder lists only
# folders above it in the table, so there is no circle.
#   check_layers.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

# FOLDER: FOLDERS that its files may reach.
arrows='
include/occam:
data/base: include/occam
data/tokenizer: include/occam data/base
data: include/occam data/base data/tokenizer
model: include/occam data/base
model/exact: include/occam data/base model
model/network: include/occam data/base model
model/network/reference: include/occam data/base model
model/import: include/occam data/base data/tokenizer model model/exact
model/checkpoint: include/occam data/base data model
train: include/occam data/base data/tokenizer data model model/network model/checkpoint
coder/entropy: include/occam data/base
coder/weights: include/occam data/base data/tokenizer model coder/entropy
coder/container: include/occam data/base
coder/predict/expert: include/occam data/base coder/entropy
coder/predict/photo: include/occam data/base coder/entropy coder/predict/expert
coder/predict: include/occam data/base data/tokenizer model model/exact coder/entropy coder/weights coder/container coder/predict/expert
coder/predict/sound: include/occam data/base coder/entropy coder/predict
coder/archive: include/occam data/base data/tokenizer model model/exact coder/entropy coder/weights coder/container coder/predict/expert coder/predict/photo coder/predict coder/predict/sound
coder/baselines: include/occam data/base coder/predict
coder/api: include/occam data/base data/tokenizer model model/exact coder/entropy coder/weights coder/container coder/predict/expert coder/predict/photo coder/predict coder/predict/sound coder/archive
coder/explain: include/occam data/base
python/core: include/occam data/base coder/explain
'

includes=$(grep -rnE '^#include "' --include='*.h' --include='*.cc' include data model coder train python |
  sed -E 's/^([^:]+):[0-9]+:#include "([^"]+)".*/\1 \2/; s/ occam\// include\/occam\//; s/ core\// python\/core\//')
awk '
  function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
  NR == FNR {
    if ($0 == "") next
    split($0, parts, ":")
    listed[parts[1]] = 1
    n = split(parts[2], to, " ")
    for (i = 1; i <= n; ++i) {
      if (!(to[i] in listed)) { print "check_layers.sh: " parts[1] " lists " to[i] ", which does not stand above it"; bad = 1 }
      allowed[parts[1], to[i]] = 1
    }
    next
  }
  { next_of[$1] = next_of[$1] " " $2; files[$1] = 1 }
  function walk(file, way,   n, to, i) {
    n = split(next_of[file], to, " ")
    for (i = 1; i <= n; ++i) {
      if (to[i] in seen) continue
      seen[to[i]] = 1
      here = folder(to[i])
      if (here != home && !((home, here) in allowed)) {
        print "check_layers.sh: " way " -> " to[i] ": " home " may not reach " here
        bad = 1
      }
      walk(to[i], way " -> " to[i])
    }
  }
  END {
    for (file in files) {
      home = folder(file)
      if (!(home in listed)) { print "check_layers.sh: " file " stands in no folder of the table"; bad = 1; continue }
      split("", seen)
      walk(file, file)
    }
    exit bad
  }
' <(printf '%s' "$arrows") <(printf '%s\n' "$includes") && status=0 || status=1

# Third-party headers stay behind few files.
confine() {  # REGEX-OF-HEADER REGEX-OF-FILES
  local file
  while IFS= read -r file; do
    [[ $file =~ $2 ]] || { echo "check_layers.sh: $file includes a header like $1" >&2; status=1; }
  done < <(grep -rlE "^#include [<\"]$1" --include='*.h' --include='*.cc' data model coder train tools)
}
confine '(oneapi/dnnl|dnnl)' '^model/network/(onednn_matmul\.h|onednn\.cc)$'
confine '(hdf5|H5)' '^model/checkpoint/h5_(handle\.h|reader\.cc|writer\.cc)$'
confine 'fmt/' '^data/base/format\.(h|cc)$'
confine 'Eigen/' '^train/vector\.h$'
confine 'mpi\.h' '^train/mpi_communicator\.cc$'
confine 'cxxopts' '^tools/'
confine 'png\.h' '^(data/png_image|coder/baselines/png_codec)\.cc$'
confine '(jpeglib|jerror)\.h' '^data/jpeg_image\.cc$'
confine 'sndfile\.h' '^data/speech\.cc$'
confine 'openssl/' '^data/base/digest\.cc$'
confine '(webp|jxl|brotli)/|bzlib\.h' '^coder/baselines/'
confine 'xxhash' '^data/base/digest\.cc$'

[ $status -eq 0 ] && echo "check_layers.sh: every include points the right way"
exit $status
