#!/usr/bin/env bash
# Rate, speed and memory of each level of compress, and of --ckpt none: one thread, processor time. Each file is restored and compared.
#   levels.sh BIN_DIR FILE...
set -euo pipefail
bin=$(cd "$1" && pwd)
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat "$@" >"$work/file"
size=$(stat -c %s "$work/file")
echo "| | bytes | rate | KB/s | MB | KB/s restoring | MB |"
echo "|---|---|---|---|---|---|---|"
for level in -1 -2 -3 -4 -5 -6 -7 -8 -9 "--ckpt none"; do
  # shellcheck disable=SC2086
  /usr/bin/time -f '%U %M' -o "$work/there" "$bin/compress" -q -f -T 1 $level -o "$work/file.occ" "$work/file"
  /usr/bin/time -f '%U %M' -o "$work/back" "$bin/decompress" -q -f -T 1 -o "$work/again" "$work/file.occ"
  cmp "$work/file" "$work/again"
  awk -v level="$level" -v size="$size" -v coded="$(stat -c %s "$work/file.occ")" '
    { seconds[NR] = $1; memory[NR] = $2 }
    END {
      printf "| `%s` | %d | %.2f %% | %.0f | %.0f | %.0f | %.0f |\n", level, coded, 100 * coded / size,
        size / 1e3 / seconds[1], memory[1] * 1024 / 1e6, size / 1e3 / seconds[2], memory[2] * 1024 / 1e6
    }' "$work/there" "$work/back"
done
