"""MLflow's own scoring server, for packaged models: `python mlflow_peer.py PORT FOLDER…`, each below `/{name of its folder}`."""

import json
import sys
import tempfile
from pathlib import Path

import cloudpickle
import mlflow.sklearn
import numpy as np
import uvicorn
from fastapi import FastAPI
from mlflow.models import ModelSignature
from mlflow.pyfunc import load_model, scoring_server
from mlflow.types import ColSpec, Schema, TensorSpec


def serve(folder):
    """The server of one model, saved by MLflow with the signature of its manifest."""
    manifest = json.loads((folder / "metadata.json").read_text())
    with open(folder / "model.pkl", "rb") as file:
        model = cloudpickle.load(file)
    described = manifest["signature"]
    if described["kind"] == "columns":
        inputs = [ColSpec(column["type"], column["name"], required=column["required"]) for column in described["columns"]]
    else:
        inputs = [TensorSpec(np.dtype(described["tensor"]["dtype"]), tuple(described["tensor"]["shape"]))]
    signature = ModelSignature(inputs=Schema(inputs))
    with tempfile.TemporaryDirectory() as saved:
        path = Path(saved) / "model"
        mlflow.sklearn.save_model(model, path, signature=signature, serialization_format="cloudpickle", pip_requirements=[])
        return scoring_server.init(load_model(str(path)))


port, *folders = sys.argv[1:]
app = FastAPI()
for each in map(Path, folders):
    app.mount(f"/{each.name}", serve(each))
uvicorn.run(app, port=int(port), log_level="warning")
