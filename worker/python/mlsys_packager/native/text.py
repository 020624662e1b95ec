"""`CountVectorizer`, `TfidfVectorizer`, `HashingVectorizer` and `TfidfTransformer`."""

import sys
import unicodedata
from functools import lru_cache

import numpy as np

from . import expressions, kinds
from .kinds import Matrix, Table, Unsupported

SIGMA, FINAL_SIGMA = 0x3C3, 0x3C2
HANGUL = range(0xAC00, 0xAC00 + 11_172)
# `\w+` between boundaries, or greedy without them, is a run of word characters: the least length of each way to write it.
RUNS = {
    rf"{edge}{body}{edge}": least for edge in ("", r"\b") for body, least in ((r"\w+", 1), (r"\w\w+", 2), (r"\w\w\w+", 3))
}


def export(model, x, writer):
    """A `text`, a `tfidf`, or both."""
    name = type(model).__name__
    if name == "TfidfTransformer":
        steps, matrix = kinds.checked(x)
        kinds.width_of(model, matrix)
        return kinds.chain(steps, _weights(model, matrix.width, writer)), Matrix(matrix.width, _double(matrix), True)
    if not (isinstance(x, Table) and x.series and x.columns[0].type == "text"):
        raise Unsupported(f"{name} of something else than one column of text")
    if model.input != "content" or model.preprocessor is not None or model.tokenizer is not None:
        raise Unsupported(f"{name} with its own functions")
    node = {"op": "text", **_analyzer(model, writer), "binary": bool(model.binary)}
    if name == "HashingVectorizer":
        if np.dtype(model.dtype) != np.float64:
            raise Unsupported(f"{name} that gives {np.dtype(model.dtype)}")
        node |= {"hashed": int(model.n_features), "signed": bool(model.alternate_sign)}
        weights = {"op": "tfidf", "width": int(model.n_features), "sublinear": False, "idf": None, "norm": model.norm}
        return kinds.chain([node] if model.norm else [], weights if model.norm else node), Matrix(
            model.n_features, sparse=True
        )
    dtype = np.dtype(model.dtype)
    if (dtype.kind not in "iuf" or dtype.itemsize < 4) if name == "CountVectorizer" else dtype != np.float64:
        raise Unsupported(f"{name} that gives {dtype}")
    words = sorted(model.vocabulary_, key=model.vocabulary_.get)
    if [model.vocabulary_[word] for word in words] != list(range(len(words))):
        raise Unsupported("a vocabulary with gaps")
    out = Matrix(len(words), dtype.name == "float32", True)
    node["words"] = [str(word) for word in words]
    if name == "CountVectorizer":
        return node, out
    return kinds.chain([node], _weights(model._tfidf, len(words), writer)), out


def _double(matrix):
    if matrix.single:
        raise Unsupported("weights of 32-bit counts")
    return False


def _weights(transformer, width, writer):
    return {
        "op": "tfidf",
        "width": width,
        "sublinear": bool(transformer.sublinear_tf),
        "idf": writer.array(transformer.idf_) if transformer.use_idf else None,
        "norm": transformer.norm,
    }


def _analyzer(model, writer):
    if model.analyzer not in ("word", "char", "char_wb"):
        raise Unsupported("an analyzer of one's own")
    shortest, longest = map(int, model.ngram_range)
    if longest > 100:
        raise Unsupported("sequences of more than a hundred")
    fields = {"analyzer": model.analyzer, "shortest": shortest, "longest": longest}
    if model.lowercase:
        cased, ignored = _around_sigma()
        fields["lower"] = {
            **_replaced(_lowered(), writer),
            "cased": writer.array(cased, "u4"),
            "ignored": writer.array(ignored, "u4"),
        }
    if model.strip_accents is not None:
        if model.strip_accents not in ("ascii", "unicode"):
            raise Unsupported("a function that strips accents")
        ascii_only = model.strip_accents == "ascii"
        fields["accents"] = {**_replaced(_stripped(ascii_only), writer), "ascii": ascii_only}
    if model.analyzer == "word":
        fields["stop_words"] = sorted(map(str, model.get_stop_words() or ()))
        fields["tokens"] = _tokens(model.token_pattern, writer)
    return fields


def _tokens(pattern, writer):
    fields = {"words": writer.array(_ranges("isalnum"), "u4"), "digits": writer.array(_ranges("isdecimal"), "u4")}
    plain = pattern.removeprefix("(?u)")
    if plain in RUNS:
        return {**fields, "runs": RUNS[plain]}
    return {**fields, "pattern": expressions.translated(pattern)}


@lru_cache
def _ranges(method):
    """The first and last characters of each range that a method of `str` says yes of."""
    has = getattr(str, method)
    return _first_and_last(np.fromiter((has(chr(at)) for at in range(sys.maxunicode + 1)), bool, sys.maxunicode + 1))


def _first_and_last(yes):
    changes = np.flatnonzero(np.diff(np.concatenate([[False], yes, [False]]).astype(np.int8)))
    changes[1::2] -= 1
    return changes


def _characters():
    """Every character but the halves of surrogate pairs."""
    return [at for at in range(sys.maxunicode + 1) if not 0xD800 <= at < 0xE000]


@lru_cache
def _lowered():
    """What each character becomes in lower case, where that is not itself. A capital sigma depends on its neighbours."""
    return {at: chr(at).lower() for at in _characters() if chr(at).lower() != chr(at) and chr(at) != "Σ"}


@lru_cache
def _around_sigma():
    """The ranges of the characters that make a capital sigma behind them the end of a word, and of those that it ignores."""
    asked = [at for at in _characters() if chr(at) not in "Σσς"]
    after, behind = (np.zeros(sys.maxunicode + 1, bool) for _ in range(2))
    for first, yes in (("", after), ("A", behind)):
        lower = "".join(f" {first}{chr(at)}Σ" for at in asked).lower() + " "
        points = np.frombuffer(lower.encode("utf-32-le"), dtype="<u4")
        yes[asked] = points[(points == SIGMA) | (points == FINAL_SIGMA)] == FINAL_SIGMA
    ignored = behind & ~after
    after[[ord(one) for one in "Σσς"]] = True
    return _first_and_last(after), _first_and_last(ignored)


@lru_cache
def _stripped(ascii_only):
    """What each character becomes, where that is not itself; of what becomes nothing in ASCII, nothing is said."""
    found = {}
    for at in _characters():
        if at < 128 or at in HANGUL:
            continue
        one = chr(at)
        parts = unicodedata.normalize("NFKD", one)
        if ascii_only:
            stripped = "".join(part for part in parts if part < "\x80")
            if stripped:
                found[at] = stripped
            continue
        stripped = "".join(part for part in parts if not unicodedata.combining(part))
        if stripped != one:
            found[at] = stripped
    return found


def _replaced(found, writer):
    return {
        "from": writer.array(list(found), "u4"),
        "lengths": writer.array([len(text) for text in found.values()], "u1"),
        "to": writer.array([ord(one) for text in found.values() for one in text], "u4"),
    }
