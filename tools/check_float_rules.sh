#!/bin/sh
# The float rules of the numeric contract (docs/spec/contract.md, section 2), looked for in the sources that have to keep
# them: no fused and no approximate operations, no libm but sqrt, no flags that permit either. Prints each offence; 1 if
# there is any.
#   check_float_rules.sh [ROOT]
set -eu
cd "${1:-$(dirname "$0")/..}"
failed=0
# coder/archive/context_curve.cc and costs.cc measure what a model would code, in bits, and code nothing; so does coder/explain.
sources="$(find model/exact coder -name '*.h' -o -name '*.cc' | grep -vE '^coder/(archive/(context_curve|costs)\.cc|baselines/|explain/)' | sort) model/quantize.cc model/rotary.cc"
[ "$(echo "$sources" | wc -w)" -gt 20 ] || {
  echo "the sources are not here"
  exit 1
}

# refuse WHAT PATTERN: in the code, not in its comments.
refuse() {
  for file in $sources; do
    found=$(sed 's|//.*||' "$file" | grep -nE "$2" | sed "s|^|$file:|") || true
    if [ -n "$found" ]; then
      echo "$1:"
      echo "$found"
      failed=1
    fi
  done
}

refuse "fused operation" '\b(Neg)?Mul(Add|Sub)\b|\bfmaf?\b|_f?n?m(add|sub)_[ps][sd]|\bvf?m(la|ls)q?_|\bvfm[as]q?_'
refuse "approximate operation" '\bApproximateReciprocal|_(rcp|rsqrt)(14|28)?_[ps][sd]|\bvr(ecp|sqrt)'
libm='exp|exp2|exp10|expm1|pow|log|log2|log10|log1p|sin|cos|tan|sinh|cosh|tanh|asin|acos|atan|atan2|cbrt|hypot|erf|lgamma'
libm="$libm|tgamma|ldexp|fmod|remainder|rint|nearbyint|lrint|llrint|round|lround|llround"
refuse "libm" "(^|[^A-Za-z0-9_.>])(std::|__builtin_)?($libm)f?l?\("
refuse "wider float" '\blong double\b'
refuse "pragma or attribute" 'FP_CONTRACT|fast-math|optimize *\('

flags='ffast-math|Ofast|ffp-contract=(fast|on)|funsafe-math|fassociative-math|freciprocal-math|march=native'
builds="CMakeLists.txt CMakePresets.json $(find data model coder train tools tests -name CMakeLists.txt -o -name '*.cmake')"
# shellcheck disable=SC2086
if grep -nE -e "-($flags)" $builds; then
  echo "these compiler flags are not allowed"
  failed=1
fi
for flag in ffp-contract=off fno-fast-math fno-unsafe-math-optimizations; do
  grep -q -e "-$flag" tools/cmake/OccamLibrary.cmake || {
    echo "tools/cmake/OccamLibrary.cmake does not set -$flag"
    failed=1
  }
done
exit $failed
