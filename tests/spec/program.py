"""Machine code with absolute addresses: docs/spec/program.md."""

X86, ARM64 = 0, 1
CALL, JUMP, TWO_BYTES = 0xE8, 0xE9, 0x0F
# Opcodes of one byte that have an operand in memory.
WITH_OPERAND = bytes.fromhex("01 03 29 2b 38 39 3a 3b 63 80 81 83 85 88 89 8a 8b 8d c6 c7 f6 f7 ff")


def beside_pointer(mod_rm):
    """The operand's place is told by its distance from the next instruction."""
    return mod_rm >> 6 == 0 and mod_rm & 7 == 5


def before_distance(data, at):
    """The bytes of an x86 instruction before its distance; None where it has none."""
    end = data[at + 1 : at + 3]
    if data[at] in (CALL, JUMP):
        return 1
    if data[at] in WITH_OPERAND and beside_pointer(end[0]):
        return 2
    if data[at] == TWO_BYTES and end[0] >> 4 != 8 and beside_pointer(end[1]):
        return 3
    return None


def restore_x86(data):
    for at in range(len(data) - 4):
        before = before_distance(data, at)
        if before is None or at + before + 4 > len(data):
            continue
        begin, end = at + before, at + before + 3
        if data[end] in (0, 255):
            target = int.from_bytes(data[begin:end], "little")
            data[begin:end] = (target - end - 1 & 0xFFFFFF).to_bytes(3, "little")


def restore_arm64(data):
    for number in range(len(data) // 4):
        word = int.from_bytes(data[4 * number : 4 * number + 4], "little")
        if word & 0xFC000000 == 0x94000000:  # BL: 26 bits, in words
            word = 0x94000000 | word - number & 0x3FFFFFF
        elif word >> 31 == 1 and word >> 24 & 31 == 16:  # ADRP: 21 bits, in pages
            page = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
            page = page - number // 1024 & 0x1FFFFF
            word = 0x90000000 | (page & 3) << 29 | page >> 2 << 5 | word & 31
        data[4 * number : 4 * number + 4] = word.to_bytes(4, "little")


def restore_addresses(changed, instruction_set):
    """The machine code whose absolute addresses these bytes have."""
    data = bytearray(changed)
    (restore_x86 if instruction_set == X86 else restore_arm64)(data)
    return bytes(data)
