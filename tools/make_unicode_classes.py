#!/usr/bin/env python3
"""Writes data/tokenizer/unicode_classes.cc: which code points are letters, numbers and white space.

  make_unicode_classes.py > data/tokenizer/unicode_classes.cc

The table never changes with a library, since encoders of one version must split text alike. Letters are the general category L,
numbers N, white space what the property White_Space has: Zs, Zl, Zp, 9 to 13 and 85 (hexadecimal). The classes are those of the
Unicode version that the running Python knows, which must be the one below.
"""

import sys
import unicodedata

VERSION = "14.0.0"
COLUMNS = 10
OTHER, LETTER, NUMBER, SPACE = range(4)


def class_of(code):
    character = chr(code)
    category = unicodedata.category(character)
    if category[0] == "Z" or 9 <= code <= 13 or code == 0x85:
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(category[0], OTHER)


def main():
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"this Python knows Unicode {unicodedata.unidata_version}, not {VERSION}")
    ranges, last = [], None
    for code in range(sys.maxunicode + 1):
        kind = class_of(code)
        if kind != last:
            ranges.append(code << 2 | kind)
            last = kind
    print(f"// Made by tools/make_unicode_classes.py of Unicode {VERSION}; do not edit.")
    print('#include "data/tokenizer/unicode_classes.h"\n')
    print("#include <algorithm>\n#include <iterator>\n")
    print("namespace occam {\nnamespace {\n")
    print("// The first code point of each range, times 4, and its class.")
    print("// clang-format off")
    print("constexpr uint32_t kRanges[] = {")
    for at in range(0, len(ranges), COLUMNS):
        print("    " + " ".join(f"{x:#x}," for x in ranges[at : at + COLUMNS]))
    print("};\n// clang-format on\n")
    print("}  // namespace\n")
    print("CharacterClass ClassOf(uint32_t code_point) {")
    print("  const auto* const after = std::ranges::upper_bound(kRanges, code_point << 2 | 3);")
    print("  return static_cast<CharacterClass>(*std::prev(after) & 3);")
    print("}\n\n}  // namespace occam")


main()
