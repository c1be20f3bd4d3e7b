#!/usr/bin/env bash
# What was private stays private: who may read a file's compressed form could read the file.
#   nothing_leaked_test.sh BIN_DIR
# shellcheck source=promises.sh
. "$(dirname "$0")/promises.sh"

seq 300 >text

# ---- A default output is a file: whoever reads at a pipe or a device was not meant ----
cp text s
chmod 600 s
mkfifo -m 666 s.occ
expect 3 timeout 20 "$bin/compress" s
says 's.occ is a device or a pipe'
cat s.occ >leaked & pid=$!
expect 0 "$bin/compress" --ckpt none -o s.occ s    # named
wait $pid
"$bin/decompress" -c leaked | cmp -s - s || fail "compress into a named pipe"
cat s.occ >leaked & pid=$!
expect 0 "$bin/compress" --ckpt none -f s
wait $pid
rm s.occ
ln -s /dev/null s.occ
expect 3 "$bin/compress" s
expect 0 "$bin/compress" --ckpt none -o /dev/null s
rm s.occ

# ---- The umask decides on what has no input ----
for mask in 022 077 002; do
  ( umask $mask; "$bin/compress" --ckpt none -q <s -o by_mask.occ -f; exit )
  [ "$(stat -c %a by_mask.occ)" = "$(printf '%o' $((0666 & ~0$mask)))" ] || fail "umask $mask: $(stat -c %a by_mask.occ)"
done

# ---- Group and owner as gzip and xz keep them: for root to show ----
if [ "$(id -u)" -ne 0 ] || ! setpriv --reuid=65534 true 2>/dev/null; then
  [ $failures -eq 0 ] && echo "nothing_leaked_test.sh: all held; group and owner were left out, which take root"
  exit $((failures > 0))
fi
chmod 777 .
printf '#!/bin/sh\nexec "%s" --ckpt none "$@"\n' "$bin/compress" >quickly  # no model is loaded
chmod 755 quickly
# kept PROGRAM GROUPS MODE: the mode and the group of what PROGRAM makes of a file of group 50.
kept() {
  rm -f s s.*
  cp text s
  chown 1234:50 s
  chmod "$3" s
  setpriv --reuid=1234 --regid=100 --groups="$2" "$1" -kq s
  stat -c '%a %u %g' s.*
}
for mode in 640 644 660 664 604 751; do
  for groups in 50,100 100; do
    [ "$(kept ./quickly $groups $mode)" = "$(kept xz $groups $mode)" ] ||
      fail "mode $mode, groups $groups: $(kept ./quickly $groups $mode), xz: $(kept xz $groups $mode)"
  done
done
"$bin/compress" --ckpt none -f s
[ "$(stat -c '%a %u %g' s.occ)" = '751 1234 50' ] || fail "root does not keep the owner: $(stat -c '%a %u %g' s.occ)"
rm -f s
"$bin/decompress" s.occ
[ "$(stat -c '%a %u %g' s)" = '751 1234 50' ] || fail "root does not restore the owner: $(stat -c '%a %u %g' s)"

[ $failures -eq 0 ] && echo "nothing_leaked_test.sh: all held"
exit $((failures > 0))
