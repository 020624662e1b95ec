"""The clients of others, unchanged, ask a model-server for each model's own example, whose answer is in its manifest.

`python bench/compare/clients.py triton|mlserver URL FOLDER…` tells, as JSON, how many answers of each client were right, of how many,
and what the others were. Triton's client and MLServer's define the same messages, so that one process can't have both.
"""

import json
import math
import os
import sys
from pathlib import Path

import grpc
import numpy as np
import pandas as pd
import requests
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from rows import Model

DTYPES = {
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "boolean": "bool",
    "string": "object",
}


# `MLSYS_API_KEY` is what may ask.
HEADERS = {"authorization": f"Bearer {os.environ['MLSYS_API_KEY']}"} if "MLSYS_API_KEY" in os.environ else {}


def example(model):
    """A model's example, typed as its columns are; moments stay text, as all of these clients send them."""
    given = model.manifest["input_example"]
    if not model.is_table:
        return np.array(given["inputs"], {"float": "float32", "double": "float64"}[model.element])
    frame = pd.DataFrame(given["data"], columns=given["columns"], dtype=object)
    typed = {}
    for name, kind in model.types.items():
        whole = kind in ("integer", "long") and frame[name].isna().any()
        typed[name] = frame[name].astype("float64" if whole else DTYPES.get(kind, "object"))
    return pd.DataFrame(typed)


def tensors(model, rows):
    """Each column as an array `[n, 1]`; texts as bytes."""
    if not model.is_table:
        return {"input-1": rows}
    arrays = {name: rows[name].to_numpy().reshape(-1, 1) for name in rows}
    return {
        name: np.vectorize(str.encode, otypes=[object])(array) if array.dtype == object else array
        for name, array in arrays.items()
    }


def by_mlflow(url, model, rows, _):
    """The client that MLflow itself asks its scoring server by."""
    host, _, port = url.removeprefix("http://").partition(":")
    client = ScoringServerClient(host, f"{port}/models/{model.name}")
    client.ping()
    return client.invoke(rows).get_predictions()


def triton():
    """Triton's clients."""
    import tritonclient.grpc
    import tritonclient.http
    from tritonclient.utils import np_to_triton_dtype

    def by(kind, tensor=None, output=None, request=None):
        def ask(url, model, rows, name):
            with kind.InferenceServerClient(url.removeprefix("http://")) as client:
                ready = client.is_server_ready() and client.is_model_ready(model.name, "1", headers=HEADERS)
                if not (client.is_server_live() and ready):
                    raise RuntimeError("it is not ready")
                client.get_server_metadata(headers=HEADERS)
                client.get_model_metadata(model.name, headers=HEADERS)
                inputs = []
                for column, array in tensors(model, rows).items():
                    inputs.append(kind.InferInput(column, list(array.shape), np_to_triton_dtype(array.dtype)))
                    inputs[-1].set_data_from_numpy(array, **(tensor or {}))
                wanted = [kind.InferRequestedOutput(name, **(output or {}))]
                return client.infer(model.name, inputs, outputs=wanted, headers=dict(HEADERS), **(request or {})).as_numpy(
                    name
                )

        return ask

    http, in_json = tritonclient.http, {"binary_data": False}
    return {
        "MLflow's `ScoringServerClient`": by_mlflow,
        "Triton's client over HTTP, in binary": by(http),
        "Triton's client over HTTP, in JSON": by(http, in_json, in_json),
        "Triton's client over HTTP, compressed by gzip": by(http, request={"request_compression_algorithm": "gzip"}),
        "Triton's client over gRPC": by(tritonclient.grpc),
        "Triton's client over gRPC, compressed by deflate": by(
            tritonclient.grpc, request={"compression_algorithm": "deflate"}
        ),
    }


def mlserver():
    """MLServer's codecs, over REST and over gRPC by its stubs."""
    from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
    from mlserver.grpc.converters import ModelInferRequestConverter, ModelInferResponseConverter
    from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
    from mlserver.types import InferenceResponse, RequestOutput

    def encoded(model, rows, name, as_bytes):
        request = (
            PandasCodec.encode_request(rows, use_bytes=as_bytes)
            if model.is_table
            else NumpyRequestCodec.encode_request(rows)
        )
        for at, tensor in enumerate(request.inputs):
            if tensor.datatype == "BYTES":
                request.inputs[at] = StringCodec.encode_input(tensor.name, rows[tensor.name].tolist(), use_bytes=as_bytes)
        request.outputs = [RequestOutput(name=name)]
        return request

    def by_rest(url, model, rows, name):
        body = encoded(model, rows, name, False).model_dump_json(exclude_none=True)
        answer = requests.post(f"{url}/v2/models/{model.name}/infer", data=body, headers=HEADERS, timeout=60)
        if not answer.ok:
            raise RuntimeError(answer.text)
        return NumpyCodec.decode_output(InferenceResponse.model_validate_json(answer.text).outputs[0])

    def by_grpc(url, model, rows, name):
        """Without gaps, for which the codecs have no form here."""
        message = ModelInferRequestConverter.from_types(encoded(model, rows, name, True), model_name=model.name)
        with grpc.insecure_channel(url.removeprefix("http://")) as channel:
            answer = GRPCInferenceServiceStub(channel).ModelInfer(message, timeout=60, metadata=tuple(HEADERS.items()))
        output = ModelInferResponseConverter.to_types(answer).outputs[0]
        return (StringCodec if output.datatype == "BYTES" else NumpyCodec).decode_output(output)

    return {"MLServer's codecs over REST": by_rest, "MLServer's codecs and stubs over gRPC": by_grpc}


def same(given, wanted):
    """Whether two answers are the same values."""
    given, wanted = (np.asarray(values, dtype=object).ravel() for values in (given, wanted))
    if len(given) != len(wanted):
        return False
    for one, other in zip(given, wanted, strict=True):
        one = one.decode() if isinstance(one, bytes) else one
        alike = one == other if isinstance(other, (str, bool)) else math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6)
        if not alike:
            return False
    return True


def whole(model, without_gaps):
    """The rows of a model's example that a client has a form for, and what the model says of them."""
    rows, wanted = example(model), model.manifest["expected_output"]
    if not model.is_table:
        return rows, wanted
    kept = rows[[name for name in rows if without_gaps or rows[name].dtype == object]].notna().all(axis=1)
    return rows[kept], {
        key: [value for value, keep in zip(values, kept, strict=True) if keep] for key, values in wanted.items()
    }


def main():
    family, url, *folders = sys.argv[1:]
    told, wrong = {}, []
    for client, ask in {"triton": triton, "mlserver": mlserver}[family]().items():
        told[client] = [0, 0]
        for model in map(Model, map(Path, folders)):
            rows, wanted = whole(model, ask.__name__ == "by_grpc")
            for name, key in (("predict", "predictions"), ("predict_proba", "probabilities")):
                if key not in wanted or (ask is by_mlflow and key == "probabilities"):
                    continue
                try:
                    said = ask(url, model, rows, name)
                    right = same(said, wanted[key])
                except Exception as error:  # whatever a client says of an answer that it can't read
                    said, right = repr(error), False
                told[client][0] += right
                told[client][1] += 1
                if not right:
                    wrong.append(f"{client}, {model.name}, {name}: {said}, not {wanted[key]}")
    print(json.dumps({"clients": told, "wrong": wrong}))


if __name__ == "__main__":
    main()
