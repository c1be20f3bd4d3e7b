"""Helpers of docs/spec/README.md, section "Notation", and the error that every module raises."""


class Damaged(Exception):
    """The input is not what an encoder can have written."""


class WrongUsage(Exception):
    """The command asks for what cannot be done, as a file without the model that it needs."""


def require(holds, what):
    if not holds:
        raise Damaged(what)


def trunc_div(a, b):
    return a // b if a >= 0 else -(-a // b)


def u32(a):
    return a & 0xFFFFFFFF


def u64(a):
    return a & 0xFFFFFFFFFFFFFFFF


def bits(a):
    return a.bit_length()


def clamp(a, low, high):
    return low if a < low else high if a > high else a
