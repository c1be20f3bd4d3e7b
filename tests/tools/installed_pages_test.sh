#!/usr/bin/env bash
# What is installed beside the programs: man pages are sound and tell every option; completions complete.
#   installed_pages_test.sh BIN_DIR PAGES_DIR
set -uo pipefail
bin=$(cd "$1" && pwd) pages=$(cd "$2" && pwd)
failures=0
fail() { echo "FAILED: $*" >&2; failures=$((failures + 1)); }
commands=(train compress decompress benchmark evaluate baselines generate explain import inspect prepare)
# import is ImageMagick's name, too: `occam import` alone is installed.
page_name() { if [ "$1" = import ]; then echo occam-import; else echo "$1"; fi; }
for file in "$pages/man/import.1" "$pages/bash/import"; do
  [ ! -e "$file" ] || fail "$file would take the place of ImageMagick's"
done
grep -q 'complete -F _occam .*import' "$pages/bash/occam" && fail "bash completes a bare import"
head -1 "$pages/zsh/_occam" | grep -q import && fail "zsh completes a bare import"

# ---- man pages ----
for name in occam "${commands[@]}"; do
  page=$pages/man/$(page_name "$name").1
  [ -s "$page" ] || { fail "no page $name.1"; continue; }
  for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' 'SEE ALSO'; do
    grep -qx ".SH $section" "$page" || fail "$name.1 has no section $section"
  done
  if command -v groff >/dev/null; then
    warnings=$(groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null)
    [ -z "$warnings" ] || fail "groff warns of $name.1: $warnings"
  fi
  if command -v mandoc >/dev/null; then
    mandoc -Tlint -Wwarning "$page" >/dev/null || fail "mandoc warns of $name.1: $(mandoc -Tlint -Wwarning "$page")"
  fi
done
for command in "${commands[@]}"; do
  page=$pages/man/$(page_name "$command").1
  grep -qx '.SH EXAMPLES' "$page" || fail "$command.1 has no examples"
  # Troff writes - as \-.
  while read -r option; do
    grep -qF -- "\\fB${option//-/\\-}\\fR" "$page" || fail "$command.1 does not tell $option"
    grep -qF -e "$option[" -e "$option}" "$pages/zsh/_occam" || fail "zsh does not know $option of $command"
  done < <("$bin/$command" --help | grep -oE '^  (-., |    )--[a-z][a-z-]*' | grep -oE -- '--[a-z-]*')
done

# ---- bash ----
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/wiki.occm"
# completes WORD... : what bash offers for the last of these words, in one line
completes() {
  (
    cd "$work" || exit
    # shellcheck disable=SC1091
    . "$pages/bash/$1"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    function=$(complete -p "$1" | sed -E 's/.* -F (\S+) .*/\1/')
    "$function" "$1" "${!#}" "${@: -2:1}"
    echo "${COMPREPLY[*]}"
  )
}
offers() {  # WANTED WORD...
  local wanted=$1 got
  shift
  got=$(completes "$@")
  [ "$got" = "$wanted" ] || fail "completing '$*' offers '$got', not '$wanted'"
}
offers compress occam com
offers 'train compress decompress benchmark evaluate baselines generate explain import inspect prepare --help --version' occam ''
offers --version occam --v
offers --mode compress --mo
offers --mode occam compress --mo
offers '--range --raw-frame --rm' decompress --r
offers wiki.occm compress --ckpt w
offers wiki.occm occam evaluate --ckpt wi
offers wiki.occm inspect w
offers '' compress --mode w
offers '' train --params ''
offers '--weight-decay --weight-bits --weight-rate' train --data wiki.occm --weight-
for command in "${commands[@]}"; do
  [ "$command" = import ] && continue
  [ -n "$(completes "$command" --)" ] || fail "no options of $command are offered"
done
[ -n "$(completes occam import --)" ] || fail "no options of occam import are offered"
if command -v zsh >/dev/null; then zsh -n "$pages/zsh/_occam" || fail "zsh cannot read its completions"; fi

[ $failures -eq 0 ] && echo "installed_pages_test.sh: all held"
exit $((failures > 0))
