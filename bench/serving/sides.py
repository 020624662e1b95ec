"""The servers of the serving benchmark: how each is started with a model, and how it is asked."""

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

PEERS = servers.ROOT / "bench/peers/serving"
JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"
# How many processes of those that compute, where the server has any.
WORKERS = 2
# Nobody outside is told, and a process computes with one thread.
ALIKE = {"DO_NOT_TRACK": "true", "BENTOML_DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}
ALIKE |= {"PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True)
class Form:
    """How rows are asked about: where, in which of the bodies, and with which headers."""

    path: str = "/predict"
    suffix: str = "json"
    content_type: str = JSON
    headers: tuple = ()

    def of(self, model):
        """The form for a model."""
        return replace(self, path=self.path.format(model=model))

    def request(self, bodies, rows):
        """The options of `load predict`."""
        body, headers = bodies / f"{rows}.{self.suffix}", list(self.headers)
        if (length := body.with_name(f"{body.name}.length")).exists():
            headers.append(f"Inference-Header-Content-Length: {length.read_text()}")
        given = ["--path", self.path, "--body", body, "--content-type", self.content_type]
        return given + [word for header in headers for word in ("--header", header)]


@dataclass(frozen=True)
class Side:
    """A server. Functions take the arguments of the benchmark, the model's name, a folder and the port."""

    command: Callable
    form: Form = Form()
    environment: Callable = lambda *_: {}
    # What is to be asked of it, until it answers true, before it can predict.
    prepared: Callable = lambda *_: True
    # What it has of the model; without such a file, it does not serve it.
    file: str = ".joblib"
    # The folder of its Python environment.
    needs: str | None = None
    # So quick that it is measured in every round and with all numbers of connections.
    is_quick: bool = False
    # Of which models it is measured; all, if none is named.
    models: tuple = ()
    # Other ways to ask about many rows, by name. Who does not know one has nothing measured of it.
    others: tuple = ()

    @contextlib.contextmanager
    def started(self, arguments, model, at):
        """Its port, its process, and how long it took until it had answered about one row."""
        port, form, is_prepared = servers.free_port(), self.form.of(model), False
        given = (arguments, model, at, port)
        body = (arguments.models / f"{model}.bodies/1.{form.suffix}").read_bytes()

        def answers():
            nonlocal is_prepared
            is_prepared = is_prepared or self.prepared(*given)
            return is_prepared and ask(port, form.path, body)[0] == 200

        environment = {"PATH": f"{arguments.peers / self.needs / 'bin'}:{os.environ['PATH']}"} if self.needs else {}
        command, environment, begun = self.command(*given), environment | ALIKE | self.environment(*given), time.monotonic()
        with servers.program("server", command, at, answers, environment, pause=0.01) as process:
            yield port, process, time.monotonic() - begun


def ask(port, path, body, **headers):
    """The status and the text of an answer; status 0 while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, {"content-type": JSON} | headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def version(model, at):
    """Where a model-server's artifacts have the model."""
    return at / "artifacts/mlsys-models-dev" / model / "v1"


def model_server(arguments, model, at, port):
    """mlsys's, with the model among its artifacts."""
    shutil.copytree(arguments.models / model, version(model, at), ignore=shutil.ignore_patterns("proof.native"))
    return [arguments.binaries / "model-server"]


def settings(arguments, model, at, port):
    """Those of a model-server."""
    where = {"MODEL_SERVER_LISTEN": f"127.0.0.1:{port}", "MODEL_SERVER_STATE": str(at / "state"), "MLSYS_HOME": str(at)}
    return where | {
        "MLSYS_ARTIFACTS": str(at / "artifacts"),
        "INTERNAL_TOKEN": servers.SECRET,
        "MLSYS_PYTHON": sys.executable,
    }


def loaded(arguments, model, at, port):
    """Whether a model-server took the model into `dev`."""
    digest = hashlib.sha256((version(model, at) / "metadata.json").read_bytes()).hexdigest()
    wanted = {"version": 1, "uri": f"file://{version(model, at)}", "sha256": digest, "environment": "dev"}
    secret = f"Bearer {servers.SECRET}"
    status, answer = ask(port, f"/internal/load/{model}", json.dumps(wanted), authorization=secret)
    return status == 200 or (status > 0 and sys.exit(f"{model} is not loaded: {status} {answer}"))


def constant(arguments, model, at, port):
    """What one would write in Rust, but for the model."""
    return [arguments.binaries / "load", "peer", "--port", port]


def by_hand(arguments, model, at, port):
    """What one would write in Rust."""
    import onnxruntime

    library = sorted((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"))[0]
    return [*constant(arguments, model, at, port), "--onnx", arguments.models / f"{model}.onnx", "--library", library]


def uvicorn(arguments, model, at, port):
    """FastAPI."""
    python = arguments.peers / "fastapi/bin/python"
    command = [python, "-m", "uvicorn", "by_fastapi:app", "--app-dir", PEERS, "--port", port, "--workers", WORKERS]
    return [*command, "--no-access-log", "--log-level", "warning"]


def mlflow(arguments, model, at, port):
    """MLflow's own server."""
    command = [arguments.peers / "mlflow/bin/mlflow", "models", "serve", "--model-uri", arguments.models / f"{model}.mlflow"]
    return [*command, "--env-manager", "local", "--host", "127.0.0.1", "--port", port, "--workers", WORKERS]


def mlserver(arguments, model, at, port):
    """MLServer, with its runtime for models of scikit-learn."""
    ports = {"http_port": port, "grpc_port": servers.free_port(), "metrics_port": servers.free_port()}
    (at / "settings.json").write_text(json.dumps(ports | {"host": "127.0.0.1", "parallel_workers": WORKERS}))
    where = {"uri": str(arguments.models / f"{model}.joblib"), "version": "1"}
    described = {"name": model, "implementation": "mlserver_sklearn.SKLearnModel", "parameters": where}
    (at / "model-settings.json").write_text(json.dumps(described))
    return [arguments.peers / "mlserver/bin/mlserver", "start", at]


def bentoml(arguments, model, at, port):
    """BentoML."""
    command = [arguments.peers / "bentoml/bin/bentoml", "serve", "by_bentoml:Serving", "--working-dir", PEERS]
    return [*command, "--host", "127.0.0.1", "--port", port]


def litserve(arguments, model, at, port):
    """LitServe."""
    return [arguments.peers / "litserve/bin/python", PEERS / "by_litserve.py"]


def estimator(arguments, model, at, port):
    """What tells a peer in Python where the model is, and where to listen."""
    return {"MODEL": str(arguments.models / f"{model}.joblib"), "PORT": str(port), "BENTOML_HOME": str(at)}


def graph(arguments, model, at, port):
    """The same of its ONNX graph."""
    return {"MODEL": str(arguments.models / f"{model}.onnx")}


BINARY = Form("/v2/models/{model}/infer", "v2", "application/octet-stream")
IN_ARROW = Form("/predict/{model}", "arrow", ARROW, (f"Accept: {ARROW}",))
# The frameworks show with two models what they cost: the one that computes longest, and texts.
TWO = ("forest", "texts")
SIDES = {
    "mlsys": Side(
        model_server,
        Form("/predict/{model}"),
        settings,
        loaded,
        file="",
        is_quick=True,
        others=(("mlsys, binary tensors", BINARY), ("mlsys, Arrow", IN_ARROW)),
    ),
    "axum, a constant answer": Side(constant, is_quick=True),
    "axum + ort": Side(by_hand, file=".onnx", is_quick=True),
    "FastAPI + onnxruntime": Side(uvicorn, environment=graph, file=".onnx", needs="fastapi"),
    "FastAPI + joblib": Side(uvicorn, environment=estimator, needs="fastapi"),
    "MLflow": Side(mlflow, Form("/invocations", "split.json"), file=".mlflow", needs="mlflow", models=TWO),
    "MLServer": Side(mlserver, Form("/v2/models/{model}/infer", "v2.json"), needs="mlserver", models=TWO),
    "BentoML": Side(bentoml, Form(suffix="rows.json"), estimator, needs="bentoml", models=TWO),
    "LitServe": Side(litserve, Form(suffix="rows.json"), estimator, needs="litserve", models=TWO),
}
