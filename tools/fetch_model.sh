#!/bin/sh
# Fetches a public language model, checks its files, imports it, and measures what it makes of text beside Occam's own models.
set -eu

usage() {
  cat <<'TEXT'
usage: fetch_model.sh NAME [OPTION...]

  stories260k      0.26 million parameters, stories for children; 1 MB
  smollm2-135m     135 million, English text and code; 271 MB
  gpt2             124 million, English text; 549 MB
  qwen3-0.6b       596 million, many languages; 1.5 GB
  tinyllama-1.1b   1.1 billion, English dialogue; 2.2 GB

  --text FILE      measure on the begin of this file (default: enwik8, which fetch_enwik.sh fetches)
  --bytes N        measure on so many bytes; 0: do not measure (default: 1048576)
  --context N      positions of a context (default: that of import)
  --out FILE       write the model to this file (default: NAME.occm in the cache folder)
  --url BASE       take the files from this address, for a mirror: https://..., file:///...
  --files LIST     take other files: lines of SHA-256, bytes and path below BASE; - for what is not known. Needs --url
  --trust          take files whose SHA-256 is not known; it is printed
  --cache FOLDER   keep the files here (default: $OCCAM_CACHE, else $XDG_CACHE_HOME/occam, else ~/.cache/occam)
  --bin FOLDER     where occam is (default: build/release/bin, else where the shell finds it)

Files that are there and have the right digest are not fetched again. A download that was cut off goes on where it was.
Exit codes: 0 fine, 2 wrong usage or a program is missing, 3 the download or the disk failed, 4 wrong or unknown digest.
TEXT
}

fail() {
  code=$1
  shift
  echo "fetch_model.sh: $*" >&2
  exit "$code"
}

# Prints address, revision and files of a known model. Digests are those that its publisher's pages and several programs name.
known() {
  hub=https://huggingface.co
  case $1 in
    stories260k)
      echo "$hub/karpathy/tinyllamas/resolve/0bd21da7698eaf29a0d7de3992de8a46ef624add/stories260K"
      cat <<'FILES'
b0a507e7ad0f626624f17112325e66691f9076d622e1d3274d103d00299f2696 1056540 stories260K.bin
037cb335abb25d1fa9e8ecae30ed2a3a8ace9302862ebcdc05d51a6bbb10c312 6227 tok512.bin
FILES
      ;;
    smollm2-135m)
      echo "$hub/HuggingFaceTB/SmolLM2-135M/resolve/93efa2f097d58c2a74874c7e644dbc9b0cee75a2"
      cat <<'FILES'
1d556eab73b69c7f11f64c557a2f9c6f440bd4c6b89bb2584a6b498c92603843 704 config.json
9ca9acddb6525a194ec8ac7a87f24fbba7232a9a15ffa1af0c1224fcd888e47c 2104556 tokenizer.json
80521b40281d6ce74e35c9282c22539e75aa0ac8578892b2a59955ef78d55da1 269060552 model.safetensors
FILES
      ;;
    gpt2)
      echo "$hub/openai-community/gpt2/resolve/607a30d783dfa663caf39e06633721c8d4cfcd7e"
      cat <<'FILES'
0daed7749b4f02b8f76240d5444551d7b08712dab4d0adb8239c56ba823bb7b4 665 config.json
8414cab924d8b9b33013f0d221c5862f365ee9be39c5c2bfae8a5a9e970478a6 1355256 tokenizer.json
248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707 548105171 model.safetensors
FILES
      ;;
    qwen3-0.6b)
      echo "$hub/Qwen/Qwen3-0.6B/resolve/c1899de289a04d12100db370d81485cdf75e47ca"
      cat <<'FILES'
660db3b73d788119c04535e48cf9be5f55bc3100841a718637ae695b442f27dd 726 config.json
aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4 - tokenizer.json
f47f71177f32bcd101b7573ec9171e6a57f4f4d31148d38e382306f42996874b 1503300328 model.safetensors
FILES
      ;;
    tinyllama-1.1b)
      echo "$hub/TinyLlama/TinyLlama-1.1B-Chat-v1.0/resolve/fe8a4ea1ffedaf415f4da2f062534de366a451e6"
      cat <<'FILES'
486bedda3a6988332e60d9638a09ca4b260d34ebcf1b19e22cf3b140b63d8fe9 608 config.json
bcd04f0eadf90287bd26e1a183ac487d8a141b09b06aecb7725bbdd343640f2e 1842767 tokenizer.json
6e6001da2106d4757498752a021df6c2bdc332c650aae4bae6b0c004dcf14933 2200119864 model.safetensors
FILES
      ;;
    *) return 1 ;;
  esac
}

here=$(dirname "$0")
name='' url='' list='' cache='' out='' text='' bytes=1048576 context='' trust='' bin=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --trust) trust=1 ;;
    --url | --files | --cache | --out | --text | --bytes | --context | --bin)
      [ $# -ge 2 ] || fail 2 "$1 needs a value; see --help"
      case $1 in
        --url) url=${2%/} ;;
        --files) list=$2 ;;
        --cache) cache=$2 ;;
        --out) out=$2 ;;
        --text) text=$2 ;;
        --bytes) bytes=$2 ;;
        --context) context=$2 ;;
        --bin) bin=$2 ;;
      esac
      shift ;;
    -*) fail 2 "unknown option $1; see --help" ;;
    *)
      [ -z "$name" ] || fail 2 "one name at a time; see --help"
      name=$1 ;;
  esac
  shift
done
[ -n "$name" ] || { usage >&2; exit 2; }
case $name in */* | .*) fail 2 "$name is no name of a model" ;; esac
case $bytes in '' | *[!0-9]*) fail 2 "--bytes is a number, not $bytes" ;; esac
if [ -n "$list" ]; then
  [ -n "$url" ] || fail 2 "--files needs --url: where the files are"
  [ -r "$list" ] || fail 3 "cannot read $list"
  files=$(cat "$list")
else
  entry=$(known "$name") || fail 2 "there is no model named $name; see --help, or give --url and --files"
  files=$(printf '%s\n' "$entry" | tail -n +2)
  : "${url:=$(printf '%s\n' "$entry" | head -n 1)}"
fi
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
command -v curl > /dev/null || fail 2 "curl is missing; install it (apt-get install curl)"
if [ -z "$bin" ]; then
  if [ -x "$here/../build/release/bin/occam" ]; then
    bin=$here/../build/release/bin
  elif command -v occam > /dev/null; then
    bin=$(dirname "$(command -v occam)")
  else
    fail 2 "occam is not there: build it, or give --bin"
  fi
fi
[ -x "$bin/occam" ] || fail 2 "there is no occam in $bin"
if [ "$bytes" -gt 0 ]; then
  command -v python3 > /dev/null || fail 2 "python3, which measures, is missing; install it, or give --bytes 0"
  [ -z "$text" ] || [ -r "$text" ] || fail 3 "cannot read $text"
fi
shown=--silent
[ ! -t 2 ] || shown=--progress-bar
folder=$cache/models/$name
: "${out:=$folder/$name.occm}"
mkdir -p "$folder" 2> /dev/null || fail 3 "cannot create the folder $folder"

digest_of() {
  sha256sum < "$1" | cut -d ' ' -f 1
}
size_of() {
  wc -c < "$1" | tr -d ' '
}

# fetch DIGEST BYTES PATH: the file has its own name only once its digest is right.
fetch() {
  digest=$1 size=$2 path=$3
  target=$folder/$path
  part=$target.part
  case $path in /* | *..*) fail 2 "$path is no path below the folder of the files" ;; esac
  if [ -f "$target" ] && [ "$digest" != - ] && [ "$(digest_of "$target")" = "$digest" ]; then
    return
  fi
  mkdir -p "$(dirname "$target")" 2> /dev/null || fail 3 "cannot create a folder for $target"
  # What cannot be the begin of the file is not gone on with.
  if [ -f "$part" ] && { [ "$size" = - ] || [ "$(size_of "$part")" -gt "$size" ]; }; then
    rm -f "$part"
  fi
  if [ ! -f "$part" ] || [ "$(size_of "$part")" != "$size" ]; then
    echo "$url/$path" >&2
    curl --fail --location "$shown" --show-error --connect-timeout 30 --retry 3 --continue-at - \
      --output "$part" "$url/$path" || fail 3 "cannot download $url/$path; the same command goes on with it"
  fi
  actual=$(digest_of "$part")
  if [ "$digest" = - ]; then
    echo "$actual $(size_of "$part") $path" >&2
    if [ -z "$trust" ]; then
      rm -f "$part"
      fail 4 "the SHA-256 of $path is not known; it is $actual here. --trust takes it all the same; nothing was kept of it"
    fi
  elif [ "$actual" != "$digest" ]; then
    rm -f "$part"
    fail 4 "what $url/$path holds is not $path: its SHA-256 is $actual instead of $digest; nothing was kept of it"
  fi
  sync "$part" || fail 3 "cannot write to $folder"
  mv -f "$part" "$target" || fail 3 "cannot write $target"
}

source=$folder
while read -r digest size path rest; do
  case $digest in '' | '#'*) continue ;; esac
  { [ -n "$path" ] && [ -z "$rest" ]; } || fail 2 "a line of the files is not SHA-256, bytes, path: $digest $size $path $rest"
  fetch "$digest" "$size" "$path"
  case $path in
    *.gguf) source=$folder/$path ;;
    tok*.bin) ;;
    *.bin) source=$folder/$path ;;
  esac
done << FILES
$files
FILES

"$bin/occam" import "$source" ${context:+--context "$context"} --out "$out" --force

[ "$bytes" -gt 0 ] || exit 0
if [ -z "$text" ]; then
  text=$("$here/fetch_enwik.sh" enwik8 --cache "$cache")
fi
exec python3 "$here/../experiments/foundation/table.py" --bin "$bin" --text "$text" --bytes "$bytes" \
  --model "$name=$out" --built-in --out "$folder/measured"
