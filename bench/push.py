"""From a push to the prediction: `mlsys up` takes the Titanic example again and again, and is asked until the new model answers."""

import argparse
import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import servers

from notebooks import seconds_in_cells

EXAMPLE = servers.ROOT / "notebooks/titanic-survival-example.ipynb"
MODEL, DECLARED = "titanic-survival", "1.0.0"
PASSENGER = '[{"Pclass": 1, "Sex": "female", "Age": 29, "SibSp": 0, "Parch": 0, "Fare": 80.0, "Embarked": "S"}]'
# Between two pushes: whoever pushes thinks meanwhile, and mlsys starts a kernel ahead.
PAUSE = 5
PARTS = {
    "webhook": "until the kernel's phase starts: queued, downloaded, validated",
    "packaging": "of the kernel's phase: packaging",
    "kernel": "of the kernel's phase: all else but the cells",
    "register": "registered: the model's files, MLflow, provenance",
    "deploy": "deployed, until the model-server answers by it",
    "overhead": "all but the cells",
    "cells": "the cells",
}


class Mlsys:
    """A running `mlsys up`, and a repository on its git remote."""

    def __init__(self, arguments, at, stack):
        home, self.tree = at / "home", at / "tree"
        self.environment = os.environ | {"MLSYS_HOME": str(home), "MLSYS_PYTHON": str(arguments.python)}
        self.environment["MLSYS_UV"] = str(arguments.uv)
        log, told = at / "mlsys-up.log", at / "told.json"
        up = [
            str(arguments.mlsys),
            "up",
            "--json",
            "--leash",
            "--port",
            "0",
            "--model-server-port",
            "0",
            "--mlflow-port",
            "0",
        ]
        with log.open("w") as errors, told.open("w") as output:
            # It stops when its standard input ends.
            self.process = subprocess.Popen(
                up, env=self.environment, cwd=at, stdin=subprocess.PIPE, stdout=output, stderr=errors
            )
        stack.callback(self.stop)
        servers.until(lambda: self.process.poll() is not None or told.read_text().endswith("\n"), "starting mlsys", 180)
        if self.process.poll() is not None:
            sys.exit(f"mlsys ended:\n{log.read_text()[-4000:]}")
        addresses = json.loads(told.read_text())
        self.port, asked = urlsplit(addresses["api"]).port, urlsplit(addresses["model_server"])
        self.models = http.client.HTTPConnection(asked.hostname, asked.port, timeout=30)
        os.environ["MLSYS_API_KEY"] = self.key = (home / "home.token").read_text().strip()
        self.tree.mkdir()
        (self.tree / "titanic.csv").write_bytes((EXAMPLE.parent / "titanic.csv").read_bytes())
        self.git("init", "--quiet", "--initial-branch=main")
        remote = [str(arguments.mlsys), "remote", str(self.tree), "--project", MODEL]
        subprocess.run(remote, env=self.environment, check=True, stdout=sys.stderr, timeout=60)

    def stop(self):
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        self.process.kill()
        self.process.wait()

    def git(self, *words):
        """What git says in the repository."""
        who = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false"]
        command = ["git", *who, *words]
        how = {"env": self.environment, "check": True, "capture_output": True, "text": True, "timeout": 60}
        return subprocess.run(command, cwd=self.tree, **how).stdout.strip()

    def version(self):
        """The version that answers now; 0 while none does."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.key}"}
        try:
            self.models.request("POST", f"/predict/{MODEL}", PASSENGER, headers)
            answer = self.models.getresponse()
            body = answer.read()
            return json.loads(body)["model_version"] if answer.status == 200 else 0
        except (OSError, http.client.HTTPException):
            self.models.close()
            return 0

    def push(self, number):
        """Pushes the example as another version: the pipeline it became, and when the new model answered first."""
        before = self.version()
        (self.tree / EXAMPLE.name).write_text(EXAMPLE.read_text().replace(DECLARED, f"1.0.{number}"))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Train version 1.0.{number}")
        commit = self.git("rev-parse", "HEAD")
        self.git("push", "--quiet", "mlsys", "main")
        servers.until(lambda: self.version() > before, "the new model's first answer", 120, pause=0.002)
        answered = time.time()
        pipeline = servers.until(lambda: over(self.pipeline(commit)), "the pipeline's end")
        if pipeline["status"] != "succeeded":
            sys.exit(f"the pipeline {pipeline['status']}: {pipeline['reason']}")
        return pipeline, answered

    def pipeline(self, commit):
        """The pipeline of a commit, if there is one yet."""
        _, page = servers.call(self.port, "GET", f"/api/pipelines?repo=local/{MODEL}&limit=5")
        return next((one for one in (page or {}).get("items", []) if one["commit_sha"] == commit), None)

    def figures(self, number):
        """How long each part of a push took, in seconds."""
        pipeline, answered = self.push(number)
        _, notebook = servers.call(self.port, "GET", f"/api/pipelines/{pipeline['id']}/notebook")
        _, log = servers.call(self.port, "GET", f"/api/pipelines/{pipeline['id']}/logs.txt")
        cells = seconds_in_cells(notebook)
        packaging = float(re.search(rb"Packaged .* in ([\d.]+) s", log)[1])
        phases = {phase["name"]: phase for phase in pipeline["phases"]}
        arrived = at(pipeline["created_at"])
        started, executed = at(phases["execute"]["started_at"]), at(phases["execute"]["finished_at"])
        registered = at(phases["register"]["finished_at"])
        return {
            "webhook": started - arrived,
            "packaging": packaging,
            "kernel": executed - started - cells - packaging,
            "register": registered - executed,
            "deploy": answered - registered,
            "overhead": answered - arrived - cells,
            "cells": cells,
        }


def over(pipeline):
    return pipeline if pipeline and pipeline["status"] not in ("queued", "running") else None


def at(moment):
    """Seconds since 1970."""
    return datetime.fromisoformat(moment).timestamp()


def main():
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mlsys", type=Path, required=True)
    parser.add_argument("--python", type=Path, required=True, help="the Python of notebooks")
    parser.add_argument("--uv", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for name in ("mlsys", "python", "uv"):
        setattr(arguments, name, getattr(arguments, name).absolute())
    with servers.folder() as folder, contextlib.ExitStack() as stack:
        mlsys, done = Mlsys(arguments, folder, stack), []
        for number in range(arguments.rounds + 1):
            time.sleep(PAUSE)
            figures = mlsys.figures(number)
            print(f"push {number}: {figures}", file=sys.stderr, flush=True)
            done.append(figures)
    print("## From a push to the prediction\n")
    print(f"""The Titanic example, pushed to the git remote of one `mlsys up` with its own settings, each time as another version: from when the webhook
had arrived until a client that asks again and again is answered by the new model. {os.cpu_count()} processors; {PAUSE} s between pushes; medians of {arguments.rounds} pushes
after one that does not count. `bench/run push` measures again.
""")
    print("| | seconds |\n|---|---|")
    for name, what in PARTS.items():
        median = f"{statistics.median(one[name] for one in done[1:]):.2f}"
        print(f"| **{what}** | **{median}** |" if name == "overhead" else f"| {what} | {median} |")


if __name__ == "__main__":
    main()
