"""Frames between the server and a model's process.

A frame is two lengths (four bytes each, little-endian): of a head and of the buffers; then the head, which is JSON, and the
buffers, one after the other. Head and buffers are padded to eight bytes, so that numbers lie where processors like them.

A request is `{"id":1,"rows":2,"columns":["f8","i8","b1","json"]}`, a kind for each column of the signature and a buffer for each:
`f8`, `i8` and `b1` are arrays of 64-bit floating point, 64-bit whole numbers and bytes that are 0 or 1; `json` is a list. An array
is `{"id":1,"tensor":{"dtype":"float64","shape":[2,3]},"kind":"f8"}`, with one buffer. With `"decision":true`, decision values are wanted,
too.

An answer is `{"id":1,"predictions":PART,"probabilities":PART,"decision":PART}`, as far as there are these, or
`{"id":1,"error":{…}}`. A part is `{"floats":[rows]}` or
`{"floats":[rows,width]}`, with a buffer of `f8`; `{"labels":rows}`, with a buffer of 32-bit places among the manifest's classes; or
`{"json":[…]}`.
"""

import json
import math
import struct

DTYPES = {"f8": "<f8", "i8": "<i8", "b1": "?"}


def receive(channel):
    """The next frame's head and buffers, or `None` at the end."""
    lengths = read(channel, 8)
    if lengths is None:
        return None
    head, buffers = struct.unpack("<II", lengths)
    body = read(channel, head + buffers)
    return None if body is None else (json.loads(body[:head]), memoryview(body)[head:])


def read(channel, length):
    """So many bytes, or `None` where the other end is closed."""
    body = bytearray(length)
    at, view = 0, memoryview(body)
    while at < length:
        count = channel.recv_into(view[at:])
        if count == 0:
            return None
        at += count
    return body


def send(channel, head, buffers=()):
    """Writes one frame."""
    head = json.dumps(head, allow_nan=False).encode()
    parts = [head + b" " * (-len(head) % 8)]
    for buffer in buffers:
        parts += [buffer, bytes(-len(buffer) % 8)]
    channel.sendall(b"".join([struct.pack("<II", len(parts[0]), sum(map(len, parts[1:]))), *parts]))


def request(columns, head, buffers):
    """A request as `answer` takes it."""
    at, decision = 0, head.get("decision", False)

    def part(kind, count, length=None):
        nonlocal at
        import numpy as np

        begin = at
        length = length if kind == "json" else count * np.dtype(DTYPES[kind]).itemsize
        at += length + -length % 8
        if kind == "json":
            return json.loads(bytes(buffers[begin : begin + length]))
        # A copy of its own: libraries refuse what they may not write to.
        return np.frombuffer(buffers, DTYPES[kind], count, begin).copy()

    if "tensor" in head:
        tensor = head["tensor"]
        data = part(head["kind"], math.prod(tensor["shape"]), head.get("length"))
        return {"tensor": {**tensor, "data": data}, "decision": decision}
    kinds = head["columns"]
    lengths = iter(head.get("lengths", ()))
    parts = [part(kind, head["rows"], next(lengths) if kind == "json" else None) for kind in kinds]
    named = dict(zip((column["name"] for column in columns), parts, strict=True))
    return {"columns": named, "decision": decision}


def raw(value):
    """Whether predictions can be sent as numbers."""
    dtype = getattr(value, "dtype", None)
    return getattr(dtype, "kind", None) == "f" and getattr(value, "ndim", 0) in (1, 2) and hasattr(value, "tobytes")


def answer(said, places):
    """An answer's head and buffers. `places` are those of the classes, by label."""
    if "error" in said:
        return said, []
    head, buffers = predicted(said, places)
    if "decision" in said:
        head["decision"] = {"floats": list(said["decision"].shape)}
        buffers.append(floats(said["decision"]))
    return head, buffers


def predicted(said, places):
    """The same of predictions and probabilities."""
    import numpy as np
    import serve_model

    predictions, probabilities = said["predictions"], said.get("probabilities")
    head = {"id": said["id"]}
    if places and (probabilities is None or raw(probabilities)):
        try:
            listed = predictions.tolist() if raw(predictions) else predictions
            labels = np.array([places[label] for label in listed], dtype="<u4")
        except (KeyError, TypeError):
            pass
        else:
            head["predictions"], buffers = {"labels": len(labels)}, [labels.tobytes()]
            if probabilities is not None:
                head["probabilities"] = {"floats": list(probabilities.shape)}
                buffers.append(floats(probabilities))
            return head, buffers
    if raw(predictions) and probabilities is None:
        return {**head, "predictions": {"floats": list(predictions.shape)}}, [floats(predictions)]
    head["predictions"] = {"json": serve_model.plain(predictions)}
    if probabilities is not None:
        head["probabilities"] = {"json": serve_model.plain(probabilities)}
    return head, []


def floats(array):
    """An array's buffer."""
    import numpy as np

    return np.ascontiguousarray(array, dtype="<f8").tobytes()
