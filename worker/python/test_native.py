"""The native engine against the estimators themselves, on rows that they have not seen.

`python worker/python/test_native.py [NAME…]`, with the platform's Python, after `cargo build --workspace --example verify`. Of each
case it prints what came of it, and it ends with 1 unless all are right. Names are of modules in `native_cases/`, or of cases.
"""

import importlib
import os
import pkgutil
import random
import re
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import native_cases
from mlsys_packager import client, edges, inputs, native, schema
from model_cases import data
from native_cases.kernels import BY_PROCESSOR

VERIFY = os.environ.get("MLSYS_VERIFY") or HERE.parents[1] / "target" / "debug" / "examples" / "verify"
FITTED, UNSEEN, BROKEN = 600, 300, 3
SMALL = 1e-8


def cases(names=()):
    """Every case: its name, and what it is made of."""
    for module in pkgutil.iter_modules(native_cases.__path__):
        found = importlib.import_module(f"native_cases.{module.name}").CASES
        for name, case in found.items():
            if not names or module.name in names or name in names:
                yield f"{module.name}.{name}", case


class Verifier:
    """The engine, as a child that compares graphs with proofs."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._child = subprocess.Popen([VERIFY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self._child.communicate(timeout=10)
        self._folder.cleanup()

    def verify(self, graph, proof):
        """`ok ROWS DIFFERENCE` or `no REASON`."""
        folder = Path(self._folder.name)
        (folder / "model.native").write_bytes(graph)
        (folder / "proof.native").write_bytes(proof)
        self._child.stdin.write(f"{folder}\n")
        self._child.stdin.flush()
        return self._child.stdout.readline().strip() or f"died: {self._child.wait(10)}"


def rows_of(rows, target, seed, count):
    """Rows, and their target."""
    if not callable(rows):
        return data(rows, target, seed, count)
    draw = np.random.default_rng(seed)
    made = rows(draw, count)
    return made, target(made, draw)


def try_case(verifier, case, far=1):
    """Exports what one case makes and compares it on rows that it has not seen, so many times as far away; the answer, the graph and the
    proof."""
    make, rows, target = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x, y = rows_of(rows, target, 1, FITTED)
        model = make().fit(x, y)
        found = inputs.find(model, {"X_train": x})
        signature, own = schema.signature(found)
        graph, says = native.export(model, found, signature, own)
        unseen, _ = rows_of(rows, target, 2, UNSEEN)
        unseen = unseen if far == 1 else unseen * far
        proof = proven(model, found, signature, own, unseen, says)
    return verifier.verify(graph, proof), graph, proof


def proven(model, found, signature, own, unseen, says):
    """The proof of unseen rows, and of rows at their edges."""
    asked = client.Client(signature, own, found.form)
    if found.as_series:
        unseen = unseen.to_frame(signature["columns"][0]["name"])
    elif found.as_array:
        unseen = np.asarray(unseen, dtype=object)
        unseen = pd.DataFrame({str(at): pd.Series(unseen[:, at], dtype=object) for at in range(unseen.shape[1])})
    elif not found.is_table:
        unseen = np.asarray(unseen)
    sent = asked.sent(unseen)
    if found.is_table:
        soft = edges.accepts_missing(model, sent.head(50), asked)
        for column in signature["columns"]:
            column["nullable"] = column["nullable"] or column["name"] in soft
        sent = edges.beyond(model, sent, asked, extremes=True)
    return native.proof(sent, signature, native.answers(model, asked.seen(sent), says), says.classes if says else None)


class Native(unittest.TestCase):
    def test_every_case_is_answered_as_the_estimator_does_and_wrong_bytes_break_nothing(self):
        chance = random.Random(0)
        with Verifier() as verifier:
            for name, case in cases():
                answer, graph, proof = try_case(verifier, case)
                with self.subTest(name):
                    self.assertTrue(is_right(name, answer), answer)
                for _ in range(BROKEN):
                    with self.subTest(f"{name}, broken"):
                        self.assertIn(verifier.verify(broken(graph, chance), proof)[:2], ("ok", "no"))

    def test_far_from_all_centers_rounding_decides_as_in_the_estimator(self):
        far = ("k_means_array", "mini_batch", "bisecting")
        with Verifier() as verifier:
            for name, case in ((name, case) for name, case in cases(["clusters"]) if name.partition(".")[2] in far):
                for times in (1e3, 1e8, 1e15, 1e30, 1e150):
                    answer, *_ = try_case(verifier, case, times)
                    with self.subTest(name, times=times):
                        self.assertTrue(answer.startswith("ok"), answer)


def is_right(name, answer):
    """Whether that may come of a case: of sums whose order the processor tells, also a small difference that is told."""
    told = re.search(r" differ by (\S+),", answer) if name in BY_PROCESSOR else None
    return answer.startswith("ok") or (told is not None and float(told[1]) < SMALL)


def broken(graph, chance):
    """A graph with some wrong bytes, or without its end."""
    wrong = bytearray(graph)
    for _ in range(chance.randint(1, 8)):
        wrong[chance.randrange(16, len(wrong))] = chance.randrange(256)
    if chance.random() < 0.2:
        del wrong[chance.randrange(16, len(wrong)) :]
    return bytes(wrong)


def main(names):
    """Prints what comes of each case."""
    wrong = 0
    with Verifier() as verifier:
        for name, case in cases(names):
            try:
                answer, *_ = try_case(verifier, case)
            except native.Unsupported as error:
                answer = f"unsupported: {error}"
            wrong += not is_right(name, answer)
            print(f"{name:40} {answer}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
