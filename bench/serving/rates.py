"""Predictions over HTTP: mlsys's model-server, and what one would write by hand instead, in turn. Wants the platform's Python."""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

# Rows a request, connections.
LOADS = ((1, 1), (1, 64), (1000, 4))
MODELS = ("forest", "regression")
PREDICT = "/predict"


@contextlib.contextmanager
def mlsys(arguments, model, at):
    """A model-server that serves one packaged model in `dev`."""
    port, store = servers.free_port(), at / "artifacts"
    version = store / "mlsys-models-dev" / model / "v1"
    shutil.copytree(arguments.models / model, version)
    (version / "proof.native").unlink(missing_ok=True)
    settings = {
        "MODEL_SERVER_LISTEN": f"127.0.0.1:{port}",
        "MODEL_SERVER_STATE": str(at / "state"),
        "MLSYS_ARTIFACTS": str(store),
    }
    settings |= {"INTERNAL_TOKEN": servers.SECRET, "MLSYS_HOME": str(at), "MLSYS_PYTHON": sys.executable}
    with servers.serving("model-server", [arguments.binaries / "model-server"], at, port, settings):
        digest = hashlib.sha256((version / "metadata.json").read_bytes()).hexdigest()
        wanted = {"version": 1, "uri": f"file://{version}", "sha256": digest, "environment": "dev"}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"authorization": f"Bearer {servers.SECRET}", "content-type": "application/json"}
        connection.request("POST", f"/internal/load/{model}", json.dumps(wanted), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            sys.exit(f"{model} is not loaded: {answer.status} {answer.read()}")
        yield port, f"/predict/{model}"


def onnxruntime_library():
    """ONNX Runtime's shared library, of the Python that runs this."""
    import onnxruntime

    return sorted((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"))[0]


def by_hand(*options):
    """A server in Rust, with the options of `load peer`."""

    @contextlib.contextmanager
    def side(arguments, model, at):
        port = servers.free_port()
        filled = [
            str(option).format(models=arguments.models, model=model, library=onnxruntime_library()) for option in options
        ]
        command = [arguments.binaries / "load", "peer", "--port", port, *filled]
        with servers.serving("peer", command, at, port, {}):
            yield port, PREDICT

    return side


def fastapi(suffix, workers):
    """A server in Python."""

    @contextlib.contextmanager
    def side(arguments, model, at):
        file = str(arguments.models / f"{model}{suffix}")
        with servers.uvicorn("serving:app", at, workers, MODEL=file, OMP_NUM_THREADS="1") as port:
            yield port, PREDICT

    return side


SIDES = {
    "mlsys": mlsys,
    "axum, a constant answer": by_hand(),
    "axum + ort": by_hand("--onnx", "{models}/{model}.onnx", "--library", "{library}"),
    "FastAPI + onnxruntime, 2 workers": fastapi(".onnx", 2),
    "FastAPI + joblib, 2 workers": fastapi(".joblib", 2),
}


def measure(arguments, name, model, seconds):
    """Of each load, what one side did."""
    with servers.folder() as at, SIDES[name](arguments, model, at) as (port, path):
        done = {}
        for rows, connections in LOADS:
            command = [arguments.binaries / "load", "predict", "--address", f"127.0.0.1:{port}", "--path", path]
            command += ["--body", arguments.models / f"{rows}.json", "--connections", connections, "--seconds", seconds]
            ended = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True)
            done[rows, connections] = json.loads(ended.stdout)
        return done


def main():
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=Path, required=True, help="folder that has model-server and load")
    parser.add_argument("--models", type=Path, required=True, help="what models.py made")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--sides", nargs="*", default=list(SIDES), choices=list(SIDES))
    arguments = parser.parse_args()
    arguments.binaries, arguments.models = arguments.binaries.resolve(), arguments.models.resolve()
    done = {}
    for number in range(1, arguments.rounds + 1):
        for model in MODELS:
            for name in arguments.sides:
                for load, figures in measure(arguments, name, model, arguments.seconds).items():
                    print(f"round {number}, {model}, {load}, {name}: {figures}", file=sys.stderr, flush=True)
                    done.setdefault((model, *load, name), []).append(figures)
    medians = {key: {name: statistics.median(one[name] for one in all) for name in all[0]} for key, all in done.items()}
    print("## Predictions: mlsys's model-server, and servers written by hand for one model\n")
    print(f"""Eight mixed columns, texts of dtype `object` with NaN among them, behind imputers, one-hot encoder and scaler: a random forest of
100 trees, and logistic regression, fitted on 1,000 rows. mlsys serves them as a notebook's export cell left them, with everything on; for
`axum + ort` and `FastAPI + onnxruntime` the texts had pandas' own type and were converted by skl2onnx; `axum, a constant answer` reads the same
JSON and computes nothing. Load and server share {os.cpu_count()} processors. The sides take turns; medians of {arguments.rounds} rounds of
{arguments.seconds} s after 2 s that do not count. `bench/run serving` measures again.
""")
    print(
        "| model | rows | connections | | requests/s | p50 ms | p99 ms | errors | mlsys, times as many |\n|---|---|---|---|---|---|---|---|---|"
    )
    for (model, rows, connections, name), figures in sorted(medians.items(), key=lambda item: item[0][:3]):
        ours = medians.get((model, rows, connections, "mlsys"), {}).get("rate", 0)
        ratio = "" if name == "mlsys" else f"{ours / max(figures['rate'], 1):.2f}"
        print(
            f"| {model} | {rows:,} | {connections} | {name} | {figures['rate']:,.0f} | {figures['p50_ms']:.2f} | {figures['p99_ms']:.2f} | {figures['errors']:.0f} | {ratio} |"
        )


if __name__ == "__main__":
    main()
