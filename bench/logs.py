"""Live logs: 50 followers of one pipeline; mlsys, and Redis pub/sub behind FastAPI that one would write instead, in turn.

mlsys runs a real pipeline: its notebook prints the lines on a kernel, the worker stores and announces them, the backend
sends them on. The peer's lines come from a loop that does nothing but publish them.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

import servers

FOLLOWERS = 50
NOTEBOOK = {
    "mlops:config": 'MODEL_NAME = "talkative"\nVERSION = "1.0.0"',
    "mlops:data": "from sklearn.datasets import load_iris\nX, y = load_iris(return_X_y=True, as_frame=True)\nX, y = X[:100], y[:100]",
    "mlops:preprocessing": "X = X.astype(float)",
    "mlops:training": "from sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression().fit(X, y)",
    "mlops:evaluation": "accuracy = float(model.score(X, y))",
    "": "for number in range(1, LINES + 1):\n    print(f\"{'the loss of this step is lower than at the one before ':.<69} line {number:05}\")",
    "mlops:export": "import joblib\njoblib.dump(model, MODEL_OUTPUT_PATH)",
}


def notebook(lines):
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{index}",
            "metadata": {"tags": [tag] if tag else []},
            "execution_count": None,
            "outputs": [],
            "source": source.replace("LINES", str(lines)),
        }
        for index, (tag, source) in enumerate(NOTEBOOK.items())
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def follow(arguments, port, pipeline, speak):
    """Followers connect, then `speak()` starts the lines in a block of its own; what the followers saw."""
    command = [
        arguments.binaries / "load",
        "follow",
        "--address",
        f"127.0.0.1:{port}",
        "--path",
        f"/ws/pipelines/{pipeline}/logs",
    ]
    command += ["--followers", FOLLOWERS, "--lines", arguments.lines]
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True) as load:
        if load.stdout.readline() != "connected\n":
            sys.exit("the followers could not connect")
        with speak():
            return json.loads(load.stdout.readline() or sys.exit("the followers failed"))


class Mlsys:
    """mlsys as processes over PostgreSQL, Redis and MLflow, with a repository on the local git remote."""

    def __init__(self, arguments, stack):
        self.arguments, self.at = arguments, stack.enter_context(servers.folder())
        mlflow = servers.free_port()
        command = [arguments.python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", mlflow]
        command += ["--backend-store-uri", f"sqlite:///{self.at}/mlflow.db", "--artifacts-destination", self.at / "mlflow"]
        experiment = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"
        stack.enter_context(
            servers.program("mlflow", command, self.at, lambda: servers.call(mlflow, "GET", experiment)[0] == 200)
        )
        self.environment = {
            "DATABASE_URL": stack.enter_context(servers.postgres()) + "/postgres",
            "REDIS_URL": stack.enter_context(servers.redis()),
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{mlflow}",
        }
        self.port = stack.enter_context(servers.backend(arguments.binaries, self.at, **self.environment))
        self.commit = self.repository()
        servers.call(self.port, "POST", "/api/repos", {"full_name": "local/bench"})

    def repository(self):
        """Makes the repository; its only commit."""
        tree, bare = self.at / "tree", self.at / "git/bench.git"
        tree.mkdir()
        (tree / "talkative.ipynb").write_text(json.dumps(notebook(self.arguments.lines)))

        def git(*words):
            identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false"]
            return subprocess.run(
                ["git", *identity, *words], cwd=tree, check=True, stdout=subprocess.PIPE, text=True
            ).stdout.strip()

        git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
        git("init", "--quiet", "--initial-branch=main")
        git("add", "--all")
        git("commit", "--quiet", "--message", "Talk")
        git("push", "--quiet", str(bare), "main")
        return git("rev-parse", "HEAD")

    def measure(self):
        new = {"repo": "local/bench", "ref": self.commit, "notebook_path": "talkative.ipynb"}
        status, pipeline = servers.call(self.port, "POST", "/api/pipelines", new)
        if status != 202:
            sys.exit(f"the pipeline was not taken: {pipeline}")
        path = f"/api/pipelines/{pipeline['id']}"

        @contextlib.contextmanager
        def worker():
            port = servers.free_port()
            environment = self.environment | {
                "WORKER_PORT": str(port),
                "MLSYS_HOME": str(self.at),
                "INTERNAL_TOKEN": servers.SECRET,
                "AUTO_DEPLOY_ON_SUCCESS": "false",
                "MLSYS_PYTHON": str(self.arguments.python),
                "MLSYS_UV": str(self.arguments.uv),
            }
            with servers.serving("worker", [self.arguments.binaries / "worker"], self.at, port, environment):
                yield
                ended = servers.until(lambda: over(servers.call(self.port, "GET", path)[1]), "the pipeline's end", 120)
                if ended["status"] != "succeeded":
                    sys.exit(f"the pipeline ended as {ended['status']}: {ended.get('reason')}")

        return follow(self.arguments, self.port, pipeline["id"], worker)


def over(pipeline):
    return pipeline if pipeline["status"] not in ("queued", "running") else None


class Peer:
    """The peer, with so many uvicorn workers."""

    def __init__(self, arguments, stack, workers):
        self.arguments, self.at = arguments, stack.enter_context(servers.folder())
        self.redis = stack.enter_context(servers.redis())
        self.port = stack.enter_context(servers.uvicorn("logs:app", self.at, workers, REDIS_URL=self.redis))

    def measure(self):
        command = [sys.executable, str(servers.ROOT / "bench/peers/logs.py"), "1", str(self.arguments.lines)]

        @contextlib.contextmanager
        def publisher():
            with subprocess.Popen(command, env=os.environ | {"REDIS_URL": self.redis}) as process:
                yield
                process.wait(60)

        return follow(self.arguments, self.port, 1, publisher)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=Path, required=True, help="folder that has backend, worker and load")
    parser.add_argument("--python", type=Path, required=True, help="the Python of notebooks")
    parser.add_argument("--uv", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=50_000)
    arguments = parser.parse_args()
    for name in ("binaries", "python", "uv"):
        setattr(arguments, name, getattr(arguments, name).absolute())
    sides = {"mlsys": Mlsys, "peer, 1 worker": lambda *rest: Peer(*rest, 1), "peer, 2 workers": lambda *rest: Peer(*rest, 2)}
    done = {name: [] for name in sides}
    for number in range(1, arguments.rounds + 1):
        for name, side in sides.items():
            # Only one side's servers are there at a time.
            with contextlib.ExitStack() as stack:
                figures = side(arguments, stack).measure()
            print(f"round {number}, {name}: {figures}", file=sys.stderr, flush=True)
            done[name].append(figures)
    print("## Live logs: mlsys, and Redis pub/sub behind FastAPI\n")
    print(f"""{FOLLOWERS} WebSockets follow one pipeline, from before it starts, that prints {arguments.lines:,} lines of 80 characters. mlsys: a real notebook on a
kernel, whose lines the worker stores in PostgreSQL before it announces them over Redis, and the backend. The peer: a loop that
publishes each line (redis-py), and FastAPI (uvicorn with uvloop, 1 or 2 workers) with a subscription for each WebSocket; it
stores nothing. Rate: lines received by all followers, by the time from the first line at any to the last at any. Each line has
a number; those that never came are lost. Python {platform.python_version()}, {os.cpu_count()} processors, which followers and servers share. The sides take
turns, each with fresh servers; medians of {arguments.rounds} rounds, losses and repeats of all rounds. `bench/run logs` measures again.
""")
    print("| | lines/s, all followers | s | lines lost | lines repeated |\n|---|---|---|---|---|")
    medians = {
        name: {figure: statistics.median(one[figure] for one in all) for figure in ("rate", "seconds")}
        for name, all in done.items()
    }
    for name, all in done.items():
        lost, repeated = (sum(one[what] for one in all) for what in ("lost", "repeated"))
        print(f"| {name} | {medians[name]['rate']:,.0f} | {medians[name]['seconds']:.1f} | {lost:,} | {repeated:,} |")
    best = max(medians[name]["rate"] for name in sides if name != "mlsys")
    print(f"\nmlsys delivers {medians['mlsys']['rate'] / best:.1f} times the lines of the better peer.")


if __name__ == "__main__":
    main()
