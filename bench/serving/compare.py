"""The same requests to a model-server and to MLServer, over the same scikit-learn models: the same statuses and values?

    cargo build --bin model-server && cargo test --package model-server    # trains the models: target/testkit/packaged-…
    uv venv target/serving-peers && uv pip install --python target/serving-peers -r bench/serving/requirements.txt
    target/serving-peers/bin/python bench/serving/compare.py target/debug/model-server target/testkit/packaged-…

Requests are made by MLServer's codecs (`pd`, `np`, `str`, `base64`) and by Triton's client. What differs is listed; that a
status differs where both refuse is counted apart.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pandas as pd
import requests
import tritonclient.http as triton
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, RequestOutput
from servers import free_port, until

TOKEN = "compare-only-on-this-machine"
# The folder of each packaged model, and its width where it takes an array.
MODELS = {"titanic": "titanic-1", "flowers": "flowers", "boosted": "boosted", "prices": "prices"}
TOLERANCE = 1e-5


def up(url):
    try:
        return requests.get(url, timeout=1).status_code == 200
    except requests.RequestException:
        return False


def ours(stack, binary, python, packaged):
    """A model-server that serves the models; its address."""
    home, port = Path(tempfile.mkdtemp(prefix="mlsys-compare-")), free_port()
    stack.append(home)
    for model, folder in MODELS.items():
        shutil.copytree(packaged / folder, home / f"artifacts/mlsys-models-dev/{model}/v1")
    environment = {
        **os.environ,
        "MLSYS_HOME": str(home),
        "MODEL_SERVER_LISTEN": f"127.0.0.1:{port}",
        "INTERNAL_TOKEN": TOKEN,
        "MLSYS_PYTHON": str(python),
        "SANDBOX": "off",
    }
    os.chmod(home, 0o700)
    os.chmod(home / "artifacts", 0o700)
    with open(home / "log", "w") as log:
        stack.append(subprocess.Popen([binary], env=environment, cwd=home, stdout=log, stderr=log))
    url = f"http://127.0.0.1:{port}"
    until(lambda: up(f"{url}/health"), "the model-server")
    for model in MODELS:
        folder = home / f"artifacts/mlsys-models-dev/{model}/v1"
        sha256 = hashlib.sha256((folder / "metadata.json").read_bytes()).hexdigest()
        load = {"version": 1, "uri": f"file://{folder}", "sha256": sha256, "environment": "dev"}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.post(f"{url}/internal/load/{model}", json=load, headers=headers, timeout=60)
        if answer.status_code != 200:
            sys.exit(f"{model}: {answer.text}")
    return url


def theirs(stack, packaged):
    """MLServer with the same models; its address."""
    home, port = Path(tempfile.mkdtemp(prefix="mlserver-compare-")), free_port()
    stack.append(home)
    settings = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "parallel_workers": 0}
    (home / "settings.json").write_text(json.dumps({**settings, "host": "127.0.0.1"}))
    for model, folder in MODELS.items():
        (home / model).mkdir()
        shutil.copy(packaged / folder / "model.pkl", home / model / "model.pkl")
        described = {
            "name": model,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.pkl", "version": "1"},
        }
        (home / model / "model-settings.json").write_text(json.dumps(described))
    with open(home / "log", "w") as log:
        command = [Path(sys.executable).with_name("mlserver"), "start", "."]
        stack.append(subprocess.Popen(command, cwd=home, stdout=log, stderr=log))
    url = f"http://127.0.0.1:{port}"
    until(lambda: up(f"{url}/v2/health/ready") and all(up(f"{url}/v2/models/{name}/ready") for name in MODELS), "MLServer")
    return url


def frame(dice, model):
    """Some rows as the model was trained on."""
    size = dice.randint(1, 5)
    if model == "flowers":
        rows = {"length": [dice.uniform(-2, 6) for _ in range(size)], "width": [dice.uniform(-2, 8) for _ in range(size)]}
    elif model == "boosted":
        rows = {
            "a": [dice.choice([float("nan"), dice.uniform(-2, 2)]) for _ in range(size)],
            "b": [dice.randint(0, 9) for _ in range(size)],
        }
    else:
        rows = {
            "Age": [dice.choice([float("nan"), dice.uniform(1, 80), 22.0]) for _ in range(size)],
            "Fare": np.array([dice.uniform(5, 200) for _ in range(size)], dtype="float32"),
            "Pclass": [dice.randint(1, 3) for _ in range(size)],
            "Sex": [dice.choice(["male", "female"]) for _ in range(size)],
            "Embarked": [dice.choice(["S", "C", "Q", "missing", "ä"]) for _ in range(size)],
            "Alone": [dice.choice([True, False]) for _ in range(size)],
        }
    # The codec knows no other type of texts.
    texts = {name: object for name in ("Sex", "Embarked") if name in rows}
    return pd.DataFrame(rows).astype(texts)


def matrix(dice, width):
    kind = dice.choice(["float64", "float32", "float16", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"])
    size = dice.randint(1, 5)
    low = 0 if kind.startswith("u") else -9
    return np.array([[dice.uniform(low, 9) for _ in range(width)] for _ in range(size)]).astype(kind)


def outputs(dice, regression):
    choices = [None, ["predict"]] + ([] if regression else [["predict_proba"], ["predict", "predict_proba"]])
    names = dice.choice(choices)
    return names and [RequestOutput(name=name) for name in names]


def good(dice):
    """A model and a request that it takes, as MLServer's codecs make it."""
    model = dice.choice(list(MODELS))
    if model == "prices" or (model == "flowers" and dice.random() < 0.3):
        array = matrix(dice, 3 if model == "prices" else 2)
        request = NumpyRequestCodec.encode_request(array)
        if dice.random() < 0.5:
            request = InferenceRequest(inputs=[NumpyCodec.encode_input("rows", array)])
        if dice.random() < 0.3:
            request.inputs[0].data.root = array.tolist()
    else:
        request = PandasCodec.encode_request(frame(dice, model), use_bytes=False)
        if model == "titanic" and dice.random() < 0.3:
            # Only a model that takes columns by name gets them in another order: MLServer fails with the others.
            dice.shuffle(request.inputs)
        if model == "titanic" and dice.random() < 0.3:
            at = next(at for at, each in enumerate(request.inputs) if each.name == "Sex")
            texts = list(request.inputs[at].data.root)
            request.inputs[at] = StringCodec.encode_input("Sex", texts, use_bytes=False)
    request.outputs = outputs(dice, model == "prices")
    if dice.random() < 0.5:
        request.id = f"request-{dice.randint(0, 999)}"
    return model, json.loads(request.model_dump_json(exclude_none=True))


def bad(dice):
    """A model and a request that is to be refused."""
    model, request = good(dice)
    first = request["inputs"][0]
    change = dice.choice(["no inputs", "datatype", "shape", "data", "name", "output", "text", "list", "model"])
    if change == "shape" and len(request["inputs"]) > 1:
        # MLServer does not look at the shape of a column.
        change = "data"
    if change == "no inputs":
        del request["inputs"]
    elif change == "datatype":
        first["datatype"] = "COMPLEX"
    elif change == "shape":
        first["shape"] = [size + 1 for size in first["shape"]]
    elif change == "data":
        del first["data"]
    elif change == "name":
        del first["name"]
    elif change == "output":
        request["outputs"] = [{"name": "nothing"}]
    elif change == "text":
        first["data"] = "text"
    elif change == "list":
        request = [request]
    else:
        model = "absent"
    return model, request


def same(one, other):
    """Whether two answers say the same; names of outputs, shapes, types and values."""
    if [output["name"] for output in one["outputs"]] != [output["name"] for output in other["outputs"]]:
        return False
    if one["model_name"] != other["model_name"]:
        return False
    for mine, their in zip(one["outputs"], other["outputs"], strict=True):
        if (mine["shape"], mine["datatype"]) != (their["shape"], their["datatype"]):
            return False
        if mine["datatype"] == "BYTES" or mine["datatype"].startswith("INT"):
            if mine["data"] != their["data"]:
                return False
        elif not np.allclose(np.array(mine["data"], float), np.array(their["data"], float), atol=TOLERANCE, equal_nan=True):
            return False
    return True


def by_json(dice, mine, their, count):
    """Sends requests to both; what differed, and how many were answered, refused, and refused by other statuses."""
    differences, answered, refused, otherwise = [], 0, 0, {}
    for at in range(count):
        model, request = good(dice) if at % 4 else bad(dice)
        # Who shows no key is not told that there is no such model.
        headers = {"Authorization": f"Bearer {TOKEN}"}
        paths = [f"{url}/v2/models/{model}/infer" for url in (mine, their)]
        answers = [requests.post(path, json=request, headers=headers, timeout=30) for path in paths]
        statuses = tuple(answer.status_code for answer in answers)
        if statuses == (200, 200):
            answered += 1
            if not same(*(answer.json() for answer in answers)):
                differences.append(f"{model} {json.dumps(request)}\n  {answers[0].text}\n  {answers[1].text}")
        elif min(statuses) >= 400:
            refused += 1
            if statuses[0] != statuses[1]:
                otherwise[statuses] = otherwise.get(statuses, 0) + 1
        else:
            differences.append(f"{model} {json.dumps(request)}\n  {statuses} {answers[0].text}\n  {answers[1].text}")
    return differences, answered, refused, otherwise


def by_triton(dice, mine, their, count):
    """Has Triton's client ask both: ours in binary and in JSON, the other, which has no binary, in JSON."""
    clients = [triton.InferenceServerClient(url.removeprefix("http://")) for url in (mine, their)]
    differences = []
    for client in clients:
        if not (client.is_server_live() and client.is_server_ready() and client.is_model_ready("prices", "1")):
            differences.append("not ready")
    key = {"Authorization": f"Bearer {TOKEN}"}
    name, index = clients[0].get_server_metadata(headers=key)["name"], clients[0].get_model_repository_index(headers=key)
    if name != "mlsys" or sorted(entry["name"] for entry in index) != sorted(MODELS):
        differences.append("no metadata")
    for _ in range(count):
        model = dice.choice(list(MODELS))
        rows = pd.DataFrame(matrix(dice, 3)) if model == "prices" else frame(dice, model)

        def ask(client, binary, packed=None, model=model, rows=rows):
            if model == "prices":
                tensors = {"rows": rows.to_numpy()}
            else:
                tensors = {name: rows[name].to_numpy().reshape(-1, 1) for name in rows}
            inputs = []
            for name, tensor in tensors.items():
                if tensor.dtype.kind in "OUT":
                    tensor = np.array([[text.encode()] for text in tensor[:, 0]], dtype=object)
                one = triton.InferInput(name, list(tensor.shape), triton_type(tensor))
                one.set_data_from_numpy(tensor, binary_data=binary)
                if tensor.dtype == object:
                    one._parameters["content_type"] = "str"
                inputs.append(one)
            names = ["predict"] if model == "prices" else ["predict", "predict_proba"]
            wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
            parameters = None if model == "prices" else {"content_type": "pd"}
            how = {"parameters": parameters, "request_id": "7", "request_compression_algorithm": packed}
            answer = client.infer(model, inputs, outputs=wanted, **how)
            return [answer.as_numpy(name) for name in names]

        answers = [
            ask(clients[0], True),
            ask(clients[0], False),
            ask(clients[0], True, "gzip"),
            ask(clients[0], False, "deflate"),
        ]
        # NaN is no JSON. Triton's client writes it all the same, which MLServer refuses.
        if model == "prices" or not rows.isna().to_numpy().any():
            answers.append(ask(clients[1], False))
        for each in answers[1:]:
            for one, other in zip(answers[0], each, strict=True):
                texts = one.dtype.kind in "OSU"
                # In binary, texts are bytes; in JSON, text.
                plain = [np.array([as_text(value) for value in array.ravel()]) for array in (one, other)] if texts else None
                alike = np.array_equal(*plain) if texts else np.allclose(one, other, atol=TOLERANCE)
                if one.shape != other.shape or not alike:
                    differences.append(f"triton {model} {rows.to_json()}: {one} {other}")
    return differences


def as_text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def triton_type(array):
    from tritonclient.utils import np_to_triton_dtype

    return np_to_triton_dtype(array.dtype)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("binary", type=Path)
    options.add_argument("packaged", type=Path)
    options.add_argument("--python", type=Path, default=Path(".mlsys/python/bin/python"), help="the platform's Python")
    options.add_argument("--requests", type=int, default=400)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    stack, dice = [], random.Random(given.seed)
    try:
        mine = ours(stack, given.binary.resolve(), given.python.absolute(), given.packaged.resolve())
        their = theirs(stack, given.packaged.resolve())
        differences, answered, refused, otherwise = by_json(dice, mine, their, given.requests)
        by_client = by_triton(dice, mine, their, given.requests // 4)
    finally:
        for each in reversed(stack):
            if isinstance(each, Path):
                shutil.rmtree(each, ignore_errors=True)
            else:
                each.terminate()
                each.wait()
    print("\n".join(differences + by_client))
    print(f"{answered} answered by both, {refused} refused by both, of them by other statuses (ours, theirs): {otherwise}")
    print(f"{len(differences)} of {given.requests} differ; by Triton's client {len(by_client)} of {given.requests // 4}")
    sys.exit(bool(differences or by_client))


main()
