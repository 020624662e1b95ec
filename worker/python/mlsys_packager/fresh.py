"""Whether a pickled model answers in a process that is not the notebook's, as it will where it is served."""

import json
import math
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .errors import PackagingError
from .schema import plain

# What a served model's process knows of its surroundings: `ENVIRONMENT` in `crates/scoring/src/engine/python/child.rs`.
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
# Within functions, as where it is served: some pickles look for the frames of those who load them.
PROGRAM = """
import pickle, sys
import cloudpickle

def load(path, module):
    with open(path, "rb") as file:
        return module.load(file)

def answer(model, rows):
    try:
        return {"said": load(model, cloudpickle).predict(load(rows, pickle))}
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        return {"error": f"{type(error).__name__}: {lines[0]}"[:240]}

def main(model, rows, answers):
    said = answer(model, rows)
    with open(answers, "wb") as file:
        cloudpickle.dump(said, file)

main(*sys.argv[1:])
"""
# Numbers of another process may differ in their last digits, as those of another run may.
TOLERANCE = 1e-6


def check(path, rows, expected, seconds):
    """Refuses a model that fails there, or answers otherwise; answers lines for the log.

    `path`: its pickle; `rows`: of its example, as a client sends them; `expected`: what it answered here, as JSON.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, answers = Path(folder, "rows.pkl"), Path(folder, "answers.pkl")
        given.write_bytes(pickle.dumps(rows))
        command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(path.resolve()), str(given), str(answers)]
        known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        known |= {"HOME": folder, "TMPDIR": folder}
        try:
            ended = subprocess.run(
                command, cwd=folder, env=known, timeout=seconds, stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
        except subprocess.TimeoutExpired:
            return [f"It was not seen to answer in a process of its own: that takes longer than {seconds:.0f} s."]
        if not answers.exists():
            raise PackagingError(f"The model ends a process of its own, as it is served in, {_end(ended)}.")
        said = pickle.loads(answers.read_bytes())
    if "error" in said:
        raise PackagingError(
            f"The model fails in a process of its own, as it is served in: {said['error']}. "
            "There it has what it was exported with and the installed packages; not the notebook's files, variables or environment."
        )
    if not same(plain(said["said"]), expected):
        raise PackagingError(
            "The model answers the same rows otherwise in a process of its own, as it is served in, than in the notebook. "
            "Keep what it answers by in the exported object: not in variables that change, files, or chance."
        )
    return []


def _end(ended):
    words = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
    how = f"by {signal.Signals(-ended.returncode).name}" if ended.returncode < 0 else f"with exit code {ended.returncode}"
    return f"{how}: {words[0][:200]}" if words else how


def same(one, other):
    """Whether two values of JSON are the same, but for the last digits of numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) or isinstance(other, float):
        numbers = all(isinstance(value, (int, float)) for value in (one, other))
        return numbers and math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return json.dumps(one) == json.dumps(other)
