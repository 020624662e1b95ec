"""What a model-server answers, beside what MLflow's scoring server and MLServer do, over the same packaged models.

`bench/compare/run` makes the Python environment and the models, and keeps the tables in docs/compatibility.md.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import inference
import requests
import scoring
from rows import Model
from servers import call, free_port, program

TOKEN = "compare-only-on-this-machine"


@contextlib.contextmanager
def ours(binary, python, models):
    """A model-server that serves the models in dev, where everybody may ask; its address."""
    with tempfile.TemporaryDirectory(prefix="mlsys-compare-") as home:
        home, port = Path(home), free_port()
        settings = {
            "MLSYS_HOME": str(home),
            "MODEL_SERVER_LISTEN": f"127.0.0.1:{port}",
            "INTERNAL_TOKEN": TOKEN,
            "MLSYS_PYTHON": str(python),
            "SANDBOX": "off",
        }
        folders = {model.name: home / f"artifacts/mlsys-models-dev/{model.name}/v1" for model in models}
        for model in models:
            shutil.copytree(model.folder, folders[model.name])
        os.chmod(home / "artifacts", 0o700)
        url = f"http://127.0.0.1:{port}"
        with program("model-server", [binary], home, lambda: call(port, "GET", "/health")[0] == 200, settings):
            for name, folder in folders.items():
                sha256 = hashlib.sha256((folder / "metadata.json").read_bytes()).hexdigest()
                load = {"version": 1, "uri": f"file://{folder}", "sha256": sha256, "environment": "dev"}
                headers = {"Authorization": f"Bearer {TOKEN}"}
                answer = requests.post(f"{url}/internal/load/{name}", json=load, headers=headers, timeout=120)
                if not answer.ok:
                    sys.exit(f"{name}: {answer.text}")
            yield url


def ask(family, url, models):
    """What the clients of one family got."""
    program = Path(__file__).with_name("clients.py")
    command = [sys.executable, program, family, url, *(model.folder for model in models)]
    return json.loads(
        subprocess.run(
            command, env={**os.environ, "MLSYS_API_KEY": TOKEN}, stdout=subprocess.PIPE, check=True, timeout=300
        ).stdout
    )


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model-server", type=Path, required=True)
    options.add_argument("--python", type=Path, required=True, help="the platform's Python")
    options.add_argument("--models", type=Path, required=True)
    options.add_argument("--requests", type=int, default=600)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    models = [Model(path.parent) for path in sorted(given.models.glob("*/metadata.json"))]
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(ours(given.model_server.absolute(), given.python.absolute(), models))
        clients = [ask(family, url, models) for family in ("triton", "mlserver")]
        mlflow = scoring.serve(models, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlsys-compare-"))))
        tallies = [scoring.compare(random.Random(given.seed), models, (url, mlflow), given.requests)]
        theirs = stack.enter_context(inference.serve(models))
        grpc = url.removeprefix("http://")
        tallies += inference.compare(random.Random(given.seed), models, (url, grpc), theirs, given.requests, TOKEN)
    print(told(given, tallies, clients))
    wrong = [fault for family in clients for fault in family["wrong"]] + [
        each for tally in tallies for each in tally.unknown
    ]
    print(*wrong, f"in {time.monotonic() - started:.0f} s", sep="\n", file=sys.stderr)
    sys.exit(bool(wrong))


def told(given, tallies, clients):
    """The section of docs/compatibility.md."""
    lines = [
        "## What was found",
        "",
        f"The last run: seed {given.seed}, {given.requests} requests to each server, over eight models: arrays of numbers, tables with gaps",
        "and text, labels that are text, numbers and truths, two outputs, whole numbers, truths and moments, and text alone. They are",
        "computed natively, by ONNX Runtime and in Python.",
    ]
    for tally in tallies:
        lines += ["", f"### {tally.peer}", "", str(tally), "", *tally.table()]
    lines += [
        "",
        "### Clients",
        "",
        "Each asks every model for its own example, whose answer the estimator gave in training.",
        "",
    ]
    lines += ["| client | right | of |", "|---|---|---|"]
    lines += [f"| {client} | {right} | {of} |" for family in clients for client, (right, of) in family["clients"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
