"""Notebook execution: `mlsys run` and papermill on the same notebooks, in turn.

Overhead is wall time less the time in cells, both as a user sees them: wall time of the whole command, and the sum of the
cells' durations that each side writes into its executed notebook.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def notebook(sources):
    cells = [
        {"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for i, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def seconds_in_cells(notebook):
    cells = notebook["cells"]
    durations = [cell["metadata"].get("papermill", {}).get("duration") for cell in cells if cell["cell_type"] == "code"]
    return sum(duration or 0.0 for duration in durations)


def overhead(command, output, environment):
    started = time.monotonic()
    done = subprocess.run(command, env=environment, cwd=output.parent, capture_output=True, text=True)
    wall = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(f"{command} failed:\n{done.stdout}{done.stderr}")
    in_cells = seconds_in_cells(json.loads(output.read_text()))
    return wall, wall - in_cells


def compare(name, path, arguments, folder):
    def mlsys():
        output = folder / "mlsys.ipynb"
        return overhead(
            [str(arguments.mlsys.resolve()), "run", str(path), "-o", str(output)],
            output,
            os.environ | {"MLSYS_HOME": str(folder / "home")},
        )

    def papermill():
        output = folder / "papermill.ipynb"
        command = [sys.executable, "-m", "papermill", str(path), str(output), "--kernel", "python3", "--no-progress-bar"]
        command += ["-p", "MODEL_OUTPUT_PATH", str(folder / "model.pkl"), "--cwd", str(path.parent)]
        return overhead(command, output, os.environ | {"PYTHONPATH": str(arguments.papermill.resolve())})

    for side in (mlsys, papermill):
        side()  # caches of the file system and of bytecode
    rounds = [(mlsys(), papermill()) for _ in range(arguments.rounds)]
    median = [[statistics.median(row[side][figure] for row in rounds) for figure in (0, 1)] for side in (0, 1)]
    (ours_wall, ours), (theirs_wall, theirs) = median
    print(f"| {name} | {ours_wall:.2f} | {theirs_wall:.2f} | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mlsys", type=Path, required=True)
    parser.add_argument("--papermill", type=Path, required=True, help="folder that has papermill")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print("## Notebook execution: `mlsys run` and papermill\n")
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors. A cold kernel on both sides; the two take turns; medians of"
    )
    print(
        f"{arguments.rounds} rounds after one that does not count. Overhead is the command's wall time less the time in cells. `bench/run notebooks` measures again.\n"
    )
    print(
        "| notebook | mlsys s | papermill s | overhead mlsys s | overhead papermill s | ratio |\n|---|---|---|---|---|---|",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for count in (20, 200):
            path = folder / f"trivial-{count}.ipynb"
            path.write_text(json.dumps(notebook([f"x = {i}\nprint(x)" for i in range(count)])))
            compare(f"{count} trivial cells", path, arguments, folder)
        compare("the Titanic example", ROOT / "notebooks/titanic-survival-example.ipynb", arguments, folder)


if __name__ == "__main__":
    main()
