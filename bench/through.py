"""Predictions through the backend of `mlsys up`, and by its model-server's own port, in turn."""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import servers
from push import MODEL, PASSENGER, Mlsys

# How many connections, one row a request.
LOADS = (1, 16, 64)


def rate(arguments, address, path, connections, at):
    """What came of asking for some seconds."""
    command = [arguments.load, "predict", "--address", address, "--path", path, "--body", at / "passenger.json"]
    command += ["--connections", connections, "--warm-up", 1, "--seconds", arguments.seconds]
    ended = subprocess.run(
        [str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True, timeout=arguments.seconds + 60
    )
    return json.loads(ended.stdout)


def main():
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mlsys", type=Path, required=True)
    parser.add_argument("--load", type=Path, required=True)
    parser.add_argument("--python", type=Path, required=True, help="the Python of notebooks")
    parser.add_argument("--uv", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    arguments = parser.parse_args()
    for name in ("mlsys", "load", "python", "uv"):
        setattr(arguments, name, getattr(arguments, name).absolute())
    done = {}
    with servers.folder() as folder, contextlib.ExitStack() as stack:
        mlsys = Mlsys(arguments, folder, stack)
        mlsys.push(1)
        (folder / "passenger.json").write_text(PASSENGER)
        ways = {
            "the model-server's port": (f"{mlsys.models.host}:{mlsys.models.port}", f"/predict/{MODEL}"),
            "through the backend": (f"127.0.0.1:{mlsys.port}", f"/models/{MODEL}/predict"),
        }
        for number in range(1, arguments.rounds + 1):
            for connections in LOADS:
                for way, (address, path) in ways.items():
                    figures = rate(arguments, address, path, connections, folder)
                    print(f"round {number}, {way}, {connections} connections: {figures}", file=sys.stderr, flush=True)
                    done.setdefault((way, connections), []).append(figures)
    print("## Predictions through the backend\n")
    print(f"""The Titanic example's model in one `mlsys up` with its own settings, asked with a key for one row a request: at the model-server's own
port, and through the backend, which passes predictions on within the process. Answers a second (p50, p99 in ms), by connections. Load and
mlsys share {os.cpu_count()} processors. The ways take turns; medians of {arguments.rounds} rounds of {arguments.seconds} s after 1 s that does not count. `bench/run through`
measures again.
""")
    print(f"| | {' | '.join(str(connections) for connections in LOADS)} | errors |\n|{'---|' * (len(LOADS) + 2)}")
    rates = {}
    for way in ways:
        cells, errors = [], 0
        for connections in LOADS:
            rounds = done[way, connections]
            median = {name: statistics.median(one[name] for one in rounds) for name in ("rate", "p50_ms", "p99_ms")}
            cells.append("{rate:,.0f} ({p50_ms:.2f}, {p99_ms:.2f})".format(**median))
            rates.setdefault(connections, []).append(median["rate"])
            errors += sum(one["errors"] for one in rounds)
        print(f"| {way} | {' | '.join(cells)} | {errors} |")
    ratios = " | ".join(f"{through / direct:.2f}" for direct, through in rates.values())
    print(f"| **of the direct rate** | {ratios} | |")


if __name__ == "__main__":
    main()
