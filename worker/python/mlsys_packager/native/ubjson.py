"""Reads UBJSON as XGBoost writes its models: arrays of one type, of which numpy makes arrays without a list in between."""

import struct

import numpy as np

# By letter: how `struct` and numpy call it. All of it is big-endian.
NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
FORMATS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}
CONSTANTS = {b"T": True, b"F": False, b"Z": None}


def loads(raw):
    """The value that `raw`, bytes, stands for."""
    return _Reader(raw).value()


class _Reader:
    def __init__(self, raw):
        self._raw, self._at = bytes(raw), 0

    def value(self):
        return self._of(self._letter())

    def _letter(self):
        self._at += 1
        return self._raw[self._at - 1 : self._at]

    def _peek(self):
        return self._raw[self._at : self._at + 1]

    def _number(self, letter):
        (number,) = struct.unpack_from(FORMATS[letter], self._raw, self._at)
        self._at += struct.calcsize(FORMATS[letter])
        return number

    def _length(self):
        return self._number(self._letter())

    def _text(self):
        length = self._length()
        self._at += length
        return self._raw[self._at - length : self._at].decode()

    def _of(self, letter):
        if letter in FORMATS:
            return self._number(letter)
        if letter in CONSTANTS:
            return CONSTANTS[letter]
        if letter == b"S":
            return self._text()
        if letter == b"[":
            return self._array()
        if letter == b"{":
            return self._object()
        raise ValueError(f"{letter!r} starts no value")

    def _array(self):
        if self._peek() == b"$":
            self._at += 1
            kind = np.dtype(NUMBERS[self._letter()])
            self._at += 1
            length = self._length()
            self._at += length * kind.itemsize
            return np.frombuffer(self._raw, kind, length, self._at - length * kind.itemsize).astype(kind.newbyteorder("="))
        if self._peek() == b"#":
            self._at += 1
            return [self.value() for _ in range(self._length())]
        values = []
        while self._peek() != b"]":
            values.append(self.value())
        self._at += 1
        return values

    def _object(self):
        found = {}
        if self._peek() == b"#":
            self._at += 1
            for _ in range(self._length()):
                name = self._text()
                found[name] = self.value()
            return found
        while self._peek() != b"}":
            name = self._text()
            found[name] = self.value()
        self._at += 1
        return found
