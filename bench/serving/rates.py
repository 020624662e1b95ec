"""Predictions over HTTP: mlsys's model-server, and what one would pick instead, in turn. Wants the platform's Python."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from sides import SIDES, WORKERS

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

MODELS = ("forest", "regression", "histogram", "texts", "python")
# Rows a request, connections: what quick servers are asked, and others.
LOADS = ((1, 1), (1, 16), (1, 64), (1_000, 4))
FEW = ((1, 1), (1, 64), (1_000, 4))
MANY = (1_000, 4)


def has(arguments, name, model):
    """Whether a side is measured with a model."""
    side = SIDES[name]
    return (arguments.models / f"{model}{side.file}").exists() and model in (side.models or MODELS)


def load(arguments, port, form, model, rows, connections):
    """What came of asking for some seconds; `None` where the server does not answer such a request."""
    command = [arguments.binaries / "load", "predict", "--address", f"127.0.0.1:{port}", "--connections", connections]
    command += form.of(model).request(arguments.models / f"{model}.bodies", rows)
    command += ["--warm-up", 1, "--seconds", arguments.seconds]
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=arguments.seconds + 60)
    figures = json.loads(ended.stdout) if ended.returncode == 0 else {"p50_ms": None}
    if figures["p50_ms"] is None:
        print(f"{form.path}, {rows} rows, {connections} connections: {figures} {ended.stderr}", file=sys.stderr)
        return None
    return figures


def measure(arguments, name, model):
    """What a side did: of each way to ask and each load that it answers, and what starting it took."""
    side, done = SIDES[name], {}
    with servers.folder() as at, side.started(arguments, model, at) as (port, process, seconds):
        for rows, connections in LOADS if side.is_quick else FEW:
            done[name, rows, connections] = load(arguments, port, side.form, model, rows, connections)
        for other, form in side.others:
            done[other, *MANY] = load(arguments, port, form, model, *MANY)
        done[name, "started"] = {"seconds": seconds, "mib": servers.pss(process.pid)}
    return {what: figures for what, figures in done.items() if figures}


def in_turn(arguments):
    """All figures of all rounds, and why sides are left out."""
    done, left = {}, {}
    for number in range(1, arguments.rounds + 1):
        for model in arguments.only:
            for name in arguments.sides:
                side = SIDES[name]
                if not has(arguments, name, model) or (number > 1 and not side.is_quick) or (name, model) in left:
                    continue
                try:
                    measured = measure(arguments, name, model)
                except (SystemExit, OSError, subprocess.SubprocessError) as failed:
                    # That somebody ends the benchmark is no message.
                    if isinstance(failed, SystemExit) and not isinstance(failed.code, str):
                        raise
                    print(f"{name}, {model}: {failed}", file=sys.stderr, flush=True)
                    is_installed = not side.needs or (arguments.peers / side.needs / "made-from").exists()
                    why = str(failed).strip().splitlines()[-1][:160] if is_installed else "it could not be installed"
                    left[name, model] = why
                    continue
                for what, figures in measured.items():
                    print(f"round {number}, {model}, {what}: {figures}", file=sys.stderr, flush=True)
                    done.setdefault((model, *what), []).append(figures)
    return done, left


def median(all):
    """Of each figure."""
    return {name: statistics.median(one[name] for one in all) for name in all[0]}


def table(medians):
    """A line for each model and side."""
    loads = " | ".join(f"{rows:,} row{'s' * (rows > 1)}, {connections}" for rows, connections in LOADS)
    print(
        f"| model | | {loads} | errors | memory MiB | first answer s | mlsys, times as many |\n|{'---|' * (len(LOADS) + 6)}"
    )
    for model, name in dict.fromkeys(key[:2] for key in medians):
        measured = {load: medians[model, name, *load] for load in LOADS if (model, name, *load) in medians}
        said = "{rate:,.0f} ({p50_ms:.2f}, {p99_ms:.2f})"
        cells = [said.format(**measured[load]) if load in measured else "" for load in LOADS]
        started = medians.get((model, name, "started"))
        cells.append(f"{sum(figures['errors'] for figures in measured.values()):.0f}")
        cells += [f"{started['mib']:,.0f}", f"{started['seconds']:.2f}"] if started else ["", ""]
        ours = [
            medians.get((model, "mlsys", *load), {"rate": 0})["rate"] / max(measured[load]["rate"], 0.1) for load in measured
        ]
        cells.append(
            "" if name == "mlsys" else " · ".join(f"{times:,.1f}" if times < 100 else f"{times:,.0f}" for times in ours)
        )
        print(f"| {model} | {name} | {' | '.join(cells)} |")


def main():
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=Path, required=True, help="folder that has model-server and load")
    parser.add_argument("--models", type=Path, required=True, help="what models.py made")
    parser.add_argument("--peers", type=Path, required=True, help="folder that has the peers' Python environments")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--sides", nargs="*", default=list(SIDES), choices=list(SIDES))
    parser.add_argument("--only", nargs="*", default=MODELS, choices=MODELS, help="models")
    arguments = parser.parse_args()
    for name in ("binaries", "models", "peers"):
        setattr(arguments, name, getattr(arguments, name).absolute())
    done, left = in_turn(arguments)
    without = ", ".join(name for name in MODELS if not (arguments.models / f"{name}.onnx").exists()) or "-"
    print("## Predictions: mlsys's model-server, and what one would pick instead\n")
    print(f"""Fitted on 1,000 rows: `forest`, `regression` and `histogram` on eight mixed columns, texts of dtype `object` with NaN among them. The
first two are a random forest of 100 trees and logistic regression behind imputers, one-hot encoder and scaler; the third is
HistGradientBoosting, which takes the gaps itself. `texts` is TF-IDF and logistic regression on texts of 10 to 60 words. mlsys serves them
as a notebook's export cell left them, with everything on; `python` is `histogram` again, by its own library in processes of mlsys's, as
what neither of its engines can compute. All answer labels and probabilities, MLflow labels alone.

- `axum + ort` and FastAPI + onnxruntime have the models of which mlsys's packager makes a verified ONNX graph, by skl2onnx, when texts have
  pandas' own type; there is none of: {without}. `axum, a constant answer` reads the same JSON and computes nothing.
- The servers in Python have {WORKERS} workers each. FastAPI is written by hand; `mlflow models serve`, MLServer, BentoML and LitServe are used as their
  manuals say, and shown with two of the models. Each is asked in its own form; the Open Inference Protocol, which MLServer speaks, and
  MLflow's JSON have none for a missing text, which is an empty one there. Versions: `bench/peers/serving/*.txt`.
- Binary tensors are those of the Open Inference Protocol, in and out; Arrow is a stream of it, in and out.

Answers a second (p50, p99 in ms), by rows a request and connections. Load and server share {os.cpu_count()} processors. The sides take turns; medians of
{arguments.rounds} rounds of {arguments.seconds} s after 1 s that does not count, of servers in Python one round. Memory is that of all its processes (PSS) after that; the
first answer counts from the start of the process. `bench/run serving` measures again.
""")
    table({key: median(all) for key, all in done.items()})
    for (name, model), why in left.items():
        print(f"\n{name} is left out with {model}: {why}")


if __name__ == "__main__":
    main()
