"""The file that graphs and proofs are written in: `crates/native/src/file.rs` describes it."""

import json
import struct

import numpy as np

MAGIC = b"MLSYSNV1"
KINDS = {"f8": "f64", "i8": "i64", "i4": "i32", "u4": "u32", "u1": "u8"}


class Writer:
    """Collects the arrays of one file."""

    def __init__(self):
        self._listed, self._bytes = [], []

    def array(self, values, dtype="f8"):
        """What stands for an array in the header. `dtype` as numpy abbreviates it: `f8`, `i4`, …"""
        values = np.ascontiguousarray(np.ravel(values), dtype=f"<{dtype}")
        self._listed.append([KINDS[dtype], len(values)])
        raw = values.tobytes()
        self._bytes.append(raw + bytes(-len(raw) % 8))
        return {"array": len(self._listed) - 1}

    def file(self, fields):
        """The whole file. `fields` is strict JSON, but for the arrays in it."""
        header = json.dumps({**fields, "arrays": self._listed}, allow_nan=False, separators=(",", ":")).encode()
        header += b" " * (-(len(header) + 16) % 8)
        return b"".join([MAGIC, struct.pack("<Q", len(header)), header, *self._bytes])
