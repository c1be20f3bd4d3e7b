#!/bin/sh
# Fetches enwik8 or enwik9, the first 10^8 or 10^9 bytes of an English Wikipedia of 2006, into the cache folder in which
# occam looks for them, and prints where the file is.
set -eu

usage() {
  cat <<'TEXT'
usage: fetch_enwik.sh enwik8|enwik9 [--url URL] [--cache FOLDER] [--md5 DIGEST]

  --url URL       a mirror of http://mattmahoney.net/dc/NAME.zip: a zip file that holds NAME
  --cache FOLDER  where to put it; default: $OCCAM_CACHE, else $XDG_CACHE_HOME/occam, else ~/.cache/occam
  --md5 DIGEST    the digest of the unzipped file, for a mirror of other data (and for tests)

A file that is there and has the right digest is not fetched again.
Exit codes: 0 fine, 2 wrong usage or a program is missing, 3 the download or the disk failed, 4 wrong digest.
TEXT
}

fail() {
  code=$1
  shift
  echo "fetch_enwik.sh: $*" >&2
  exit "$code"
}

name='' url='' cache='' md5=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --url | --cache | --md5)
      [ $# -ge 2 ] || fail 2 "$1 needs a value; see --help"
      case $1 in
        --url) url=$2 ;;
        --cache) cache=$2 ;;
        --md5) md5=$2 ;;
      esac
      shift ;;
    -*) fail 2 "unknown option $1; see --help" ;;
    *)
      [ -z "$name" ] || fail 2 "one name at a time; see --help"
      name=$1 ;;
  esac
  shift
done

case $name in
  enwik8) known_md5=a1fa5ffddb56f4953e226637dabbb36a ;;
  enwik9) known_md5=e206c3450ac99950df65bf70ef61a12d ;;
  '') usage >&2; exit 2 ;;
  *) fail 2 "there is no corpus named $name; known are enwik8 and enwik9" ;;
esac
: "${md5:=$known_md5}"
: "${url:=http://mattmahoney.net/dc/$name.zip}"
if [ -z "$cache" ]; then
  if [ -n "${OCCAM_CACHE:-}" ]; then
    cache=$OCCAM_CACHE
  elif [ -n "${XDG_CACHE_HOME:-}" ]; then
    cache=$XDG_CACHE_HOME/occam
  elif [ -n "${HOME:-}" ]; then
    cache=$HOME/.cache/occam
  else
    fail 2 "no cache folder: give --cache"
  fi
fi
target=$cache/$name

digest_of() {
  md5sum < "$1" | cut -d ' ' -f 1
}

if [ -f "$target" ] && [ "$(digest_of "$target")" = "$md5" ]; then
  echo "$target"
  exit 0
fi

command -v unzip > /dev/null || fail 2 "unzip is missing; install it (apt-get install unzip)"
mkdir -p "$cache" 2> /dev/null || fail 3 "cannot create the folder $cache"
# Beside the target, so that the last step is a rename.
work=$(mktemp -d "$cache/.fetch-XXXXXX" 2> /dev/null) || fail 3 "cannot write to $cache"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if command -v curl > /dev/null; then
  curl --fail --location --silent --show-error --connect-timeout 30 --retry 2 \
    --output "$work/zip" "$url" || fail 3 "cannot download $url"
elif [ "${url#file://}" != "$url" ]; then  # which wget does not know
  cp "${url#file://}" "$work/zip" || fail 3 "cannot download $url"
elif command -v wget > /dev/null; then
  wget --quiet --timeout=30 --tries=3 --output-document="$work/zip" "$url" \
    || fail 3 "cannot download $url"
else
  fail 2 "neither curl nor wget is there; install one (apt-get install curl)"
fi

# A full disk and a damaged archive look alike to unzip but for its exit code 50.
code=0
unzip -p "$work/zip" "$name" > "$work/$name" 2> "$work/unzip_says" || code=$?
case $code in
  0) ;;
  50) fail 3 "cannot write to $cache" ;;
  *) fail 4 "$url is no zip file that holds $name: $(head -n 1 "$work/unzip_says")" ;;
esac
actual=$(digest_of "$work/$name")
[ "$actual" = "$md5" ] \
  || fail 4 "what $url holds is not $name: its md5 is $actual instead of $md5; nothing was kept"
sync "$work/$name" || fail 3 "cannot write to $cache"
mv -f "$work/$name" "$target" || fail 3 "cannot write $target"
echo "$target"
