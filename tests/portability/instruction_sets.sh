#!/bin/sh
# The exact network gives one digest on every instruction set that this processor has, of our own dispatch and of oneDNN's.
#   instruction_sets.sh EXACT_DIGEST
set -eu
digest=$1
want=$("$digest" plain 2>/dev/null)
echo "plain kernels: $want"
failed=0

compare() {  # compare NAME ENVIRONMENT...
  name=$1
  shift
  # The kernels' name, then the digest.
  all=$(env "$@" "$digest" fast 2>&1) || all="failed: $all"
  got=$(echo "$all" | tail -n 1)
  kernels=$(echo "$all" | head -n 1)
  if [ "$got" = "$want" ]; then
    echo "$name: the same ($kernels)"
  else
    echo "$name: $got ($kernels)"
    failed=1
  fi
}

compare default
for isa in PLAIN SSE41 AVX2 AVX512_CORE AVX512_CORE_VNNI AVX512_CORE_AMX; do
  compare "OCCAM_MAX_ISA=$isa" OCCAM_MAX_ISA=$isa
done
for isa in SSE41 AVX2 AVX512_CORE AVX512_CORE_VNNI; do
  compare "ONEDNN_MAX_CPU_ISA=$isa" ONEDNN_MAX_CPU_ISA=$isa
done
exit $failed
