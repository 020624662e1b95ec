"""A table of millions of rows through the forest into a table: `mlsys batch` in one `mlsys up`, and pandas with scikit-learn by hand."""

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import servers
from push import Mlsys, over

sys.path.insert(0, str(servers.ROOT / "bench/serving"))
import models

MODEL = "forest"
INPUT, OUTPUT = "local.bench.customers", "local.bench.scored"
CELLS = {
    "mlops:config": f'MODEL_NAME = "{MODEL}"\nVERSION = "1"',
    "mlops:preprocessing": 'import joblib\nX, y = joblib.load("rows.joblib")',
    "mlops:training": 'model = joblib.load("model.joblib")',
    "mlops:evaluation": "accuracy = float(model.score(X, y))",
    "mlops:export": "joblib.dump(model, MODEL_OUTPUT_PATH)",
}


def notebook():
    """What exports the forest that was fitted."""
    cells = [
        {
            "cell_type": "code",
            "id": tag.split(":")[1],
            "metadata": {"tags": [tag]},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for tag, source in CELLS.items()
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


class Memory(threading.Thread):
    """The most memory that a process takes while this is open, in MiB; its children are others' business."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.status, self.most, self.ended = Path(f"/proc/{process}/smaps_rollup"), 0.0, threading.Event()

    def run(self):
        while not self.ended.wait(0.1):
            self.most = max(self.most, int(re.search(r"^Pss: +(\d+)", self.status.read_text(), re.MULTILINE)[1]) / 1024)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


class Bench:
    """mlsys with the model and the table, and the same as files."""

    def __init__(self, arguments, at, stack):
        self.arguments, self.at = arguments, at
        draw = np.random.default_rng(5)
        rows = models.customers(draw, models.ROWS)
        outcome = models.pays(rows, draw)
        model = models.SERVED[MODEL][1]().fit(rows, outcome)
        print(f"Making {arguments.rows:,} rows…", file=sys.stderr, flush=True)
        models.customers(draw, arguments.rows).to_parquet(at / "customers.parquet")
        self.mlsys = Mlsys(arguments, at, stack)
        joblib.dump(model, at / "model.joblib")
        joblib.dump(model, self.mlsys.tree / "model.joblib")
        joblib.dump((rows, outcome), self.mlsys.tree / "rows.joblib")
        (self.mlsys.tree / "forest.ipynb").write_text(notebook())
        self.mlsys.git("add", "--all")
        self.mlsys.git("commit", "--quiet", "--message", "Train the forest")
        self.mlsys.git("push", "--quiet", "mlsys", "main")
        commit = self.mlsys.git("rev-parse", "HEAD")
        pipeline = servers.until(lambda: over(self.mlsys.pipeline(commit)), "the pipeline's end", 180)
        if not pipeline["deployed"]:
            sys.exit(f"the pipeline {pipeline['status']}: {pipeline['reason']}")
        self.cli("tables", "import", at / "customers.parquet", INPUT)

    def cli(self, *words):
        """What a command of mlsys says."""
        command = [str(self.arguments.mlsys), *map(str, words)]
        return subprocess.run(
            command, env=self.mlsys.environment, check=True, stdout=subprocess.PIPE, text=True, timeout=1_800
        ).stdout

    def by_mlsys(self, number):
        with Memory(self.mlsys.process.pid) as memory:
            began = time.perf_counter()
            said = self.cli("batch", "start", "--model", MODEL, "--input", INPUT, "--output", f"{OUTPUT}{number}", "--json")
            seconds = time.perf_counter() - began
        done = json.loads(said)
        assert (done["rows_done"], done["rows_rejected"]) == (self.arguments.rows, 0), said
        return {"seconds": seconds, "mib": memory.most}

    def by_hand(self, number):
        words = [self.at / "model.joblib", self.at / "customers.parquet", self.at / f"scored{number}.parquet"]
        command = [self.arguments.python, servers.ROOT / "bench/by_pandas.py", *words]
        ended = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True, timeout=3_600)
        return json.loads(ended.stdout)

    def differ(self):
        """How many labels differ, and the largest difference of a probability, row by row."""
        folder = self.at / "home/warehouse" / f"{OUTPUT}1".replace(".", "/")
        log = (folder / "_delta_log" / f"{0:020}.json").read_text().splitlines()
        files = [line["add"]["path"] for line in map(json.loads, log) if "add" in line]
        ours = pd.concat([pd.read_parquet(folder / file) for file in files], ignore_index=True)
        theirs = pd.read_parquet(self.at / "scored1.parquet")
        assert (ours["income"].fillna(-1) == theirs["income"].fillna(-1)).all(), "the rows are others, or in another order"
        difference = (ours["PredictionProbability"] - theirs["PredictionProbability"]).abs().max()
        return int((ours["Prediction"] != theirs["Prediction"]).sum()), float(difference)


def main():
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mlsys", type=Path, required=True)
    parser.add_argument("--python", type=Path, required=True, help="the Python of notebooks")
    parser.add_argument("--uv", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    for name in ("mlsys", "python", "uv"):
        setattr(arguments, name, getattr(arguments, name).absolute())
    done = {"mlsys": [], "pandas + scikit-learn": []}
    with servers.folder() as folder, contextlib.ExitStack() as stack:
        bench = Bench(arguments, folder, stack)
        for number in range(1, arguments.rounds + 1):
            done["mlsys"].append(bench.by_mlsys(number))
            if number == 1:
                done["pandas + scikit-learn"].append(bench.by_hand(number))
            print(f"round {number}: {done}", file=sys.stderr, flush=True)
        labels, difference = bench.differ()
    print("## A whole table through a model\n")
    print(f"""{arguments.rows:,} rows of eight mixed columns through the random forest of 100 trees, from Parquet to Parquet, on {os.cpu_count()} processors. mlsys: `mlsys batch
start` in one `mlsys up` with its own settings, from the command's start to its end; a Delta table into another, all columns and five added; the
most memory of the process (PSS), dashboard and all. pandas + scikit-learn: one process that reads the file that the table was made
from, predicts and writes the same columns; its time has no imports in it. Medians of {arguments.rounds} rounds, of pandas one. Of all rows, {labels} labels differ, and
probabilities by at most {difference:.1g}. `bench/run batch` measures again.
""")
    median = {
        side: {name: statistics.median(one[name] for one in rounds) for name in rounds[0]} for side, rounds in done.items()
    }
    print("| | seconds | rows a second | memory MiB | mlsys, times as fast |\n|---|---|---|---|---|")
    for side, figures in median.items():
        ratio = "" if side == "mlsys" else f"{figures['seconds'] / median['mlsys']['seconds']:.1f}"
        print(
            f"| {side} | {figures['seconds']:.1f} | {arguments.rows / figures['seconds']:,.0f} | {figures['mib']:,.0f} | {ratio} |"
        )


if __name__ == "__main__":
    main()
