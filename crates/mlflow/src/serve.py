"""Runs MLflow's server, as `mlflow server` does in the end, but without importing everything twice: `serve.py PORT`."""

import gc
import sys

gc.disable()  # importing makes little garbage and many allocations

import uvicorn
from mlflow.server.fastapi_app import app

gc.freeze()
gc.enable()
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]))
