"""The same requests to a model-server and to MLServer, by REST and gRPC, over the same packaged models.

MLServer serves each model by both of its runtimes that can: scikit-learn's, and MLflow's.
"""

import contextlib
import json
import math
import shutil
import sys
import tempfile
from pathlib import Path

import grpc
import known
import numpy as np
import requests
from mlserver.grpc import dataplane_pb2 as messages
from mlserver.grpc.converters import ModelInferRequestConverter, ModelInferResponseConverter
from mlserver.types import InferenceRequest
from rows import GOOD
from servers import free_port, program

DATATYPES = {
    "boolean": ["BOOL"],
    "integer": ["INT32", "INT64", "INT16"],
    "long": ["INT64", "UINT64"],
    "float": ["FP32", "FP64"],
    "double": ["FP64", "FP32"],
    "string": ["BYTES"],
    "datetime": ["BYTES"],
}
RUNTIMES = {"sklearn": "mlserver_sklearn.SKLearnModel", "mlflow": "mlserver_mlflow.MLflowRuntime"}
# What may be wrong with a request, whatever its rows.
WRONG = [
    "no inputs", "an empty list of inputs", "an input without a name", "an input without a shape", "an input without a datatype",
    "an input without data", "an unknown datatype", "a datatype in small letters", "text for data", "a shape of other numbers than data",
    "a shape with a negative length", "a column of two values a row", "a column named twice", "columns of different lengths",
    "an output that there is not", "an output twice", "a list for a request", "no JSON", "no body", "another content type", "an absent model",
    "an absent version", "a number for an id", "a text for parameters", "an unknown content type of the request",
    "an unknown content type of a tensor", "parameters that mean nothing",
]  # fmt: skip


@contextlib.contextmanager
def serve(models):
    """MLServer with the models, each by both runtimes; the addresses of REST and gRPC."""
    with tempfile.TemporaryDirectory(prefix="mlsys-compare-") as home:
        home, rest, port = Path(home), free_port(), free_port()
        settings = {
            "host": "127.0.0.1",
            "http_port": rest,
            "grpc_port": port,
            "metrics_port": free_port(),
            "parallel_workers": 0,
        }
        (home / "settings.json").write_text(json.dumps(settings))
        for model in models:
            for runtime, implementation in RUNTIMES.items():
                folder = shutil.copytree(model.folder, home / f"{model.name}-{runtime}")
                uri = "./model.pkl" if runtime == "sklearn" else "."
                described = {
                    "name": folder.name,
                    "implementation": implementation,
                    "parameters": {"uri": uri, "version": "1"},
                }
                (folder / "model-settings.json").write_text(json.dumps(described))
        url = f"http://127.0.0.1:{rest}"

        def ready():
            with contextlib.suppress(requests.RequestException):
                return requests.get(f"{url}/v2/health/ready", timeout=1).ok

        with program("mlserver", [Path(sys.executable).with_name("mlserver"), "start", "."], home, ready):
            yield url, f"127.0.0.1:{port}"


def tensor(dice, name, kind, values):
    """A column as a tensor."""
    datatype = dice.choice(DATATYPES[kind])
    if datatype == "UINT64" and any(isinstance(value, int) and value < 0 for value in values):
        datatype = "INT64"
    shape = [len(values), 1] if dice.random() < 0.5 else [len(values)]
    made = {"name": name, "shape": shape, "datatype": datatype, "data": list(values)}
    if kind in ("string", "datetime"):
        made["parameters"] = {"content_type": "str" if kind == "string" else "datetime"}
    return made


def request(dice, rows, element):
    """The form that rows are sent in, and the request."""
    if rows.array is not None:
        return of_array(dice, rows, element)
    inputs = [tensor(dice, name, rows.types[name], values) for name, values in rows.columns.items()]
    if dice.random() < 0.25:
        for each in inputs:
            each.pop("parameters", None)
        return "a tensor a column, and no content types", {"inputs": inputs}
    return "a tensor a column, pd", {"parameters": {"content_type": "pd"}, "inputs": inputs}


def of_array(dice, rows, element):
    datatype = dice.choice(DATATYPES[element])
    lengths = {len(row) for row in rows.array if isinstance(row, list)}
    shape = [len(rows.array), lengths.pop() if lengths else 0]
    flat = [value for row in rows.array for value in (row if isinstance(row, list) else [row])]
    one = {"name": "input-1", "shape": shape, "datatype": datatype, "data": rows.array if dice.random() < 0.3 else flat}
    form = dice.choice(["one tensor", "one tensor, np", "one tensor of np", "a tensor a column, pd"])
    if form == "one tensor, np":
        return form, {"parameters": {"content_type": "np"}, "inputs": [one]}
    if form == "one tensor of np":
        return form, {"inputs": [{**one, "parameters": {"content_type": "np"}}]}
    if form == "a tensor a column, pd" and rows.what == GOOD:
        columns = [
            {"name": str(at), "shape": [len(rows.array), 1], "datatype": datatype, "data": list(values)}
            for at, values in enumerate(zip(*rows.array, strict=True))
        ]
        return form, {"parameters": {"content_type": "pd"}, "inputs": columns}
    return "one tensor", {"inputs": [one]}


def spoilt(dice, what, made):
    """A request that was right, with something wrong; what can't be JSON is text."""
    first = dice.choice(made["inputs"])
    match what:
        case "no inputs":
            del made["inputs"]
        case "an empty list of inputs":
            made["inputs"] = []
        case (
            "an input without a name" | "an input without a shape" | "an input without a datatype" | "an input without data"
        ):
            del first[what.split()[-1]]
        case "an unknown datatype":
            first["datatype"] = "COMPLEX"
        case "a datatype in small letters":
            first["datatype"] = first["datatype"].lower()
        case "text for data":
            first["data"] = "text"
        case "a shape of other numbers than data":
            first["shape"] = [first["shape"][0] + 1, *first["shape"][1:]]
        case "a shape with a negative length":
            first["shape"] = [-1, *first["shape"][1:]]
        case "a column of two values a row":
            first["shape"], first["data"] = [len(first["data"]), 2], [each for each in first["data"] for _ in range(2)]
        case "a column named twice":
            made["inputs"].append(dict(first))
        case "columns of different lengths":
            first["data"] = [*first["data"], first["data"][0]]
            first["shape"] = [len(first["data"]), *first["shape"][1:]]
        case "an output that there is not":
            made["outputs"] = [{"name": "nothing"}]
        case "an output twice":
            made["outputs"] = [{"name": "predict"}, {"name": "predict"}]
        case "a list for a request":
            return json.dumps([made])
        case "no JSON":
            return json.dumps(made)[:-3]
        case "no body":
            return ""
        case "a number for an id":
            made["id"] = 7
        case "a text for parameters":
            made["parameters"] = "pd"
        case "an unknown content type of the request":
            made.setdefault("parameters", {})["content_type"] = "parquet"
        case "an unknown content type of a tensor":
            first["parameters"] = {"content_type": "parquet"}
        case "parameters that mean nothing":
            made.setdefault("parameters", {})["more"] = 1
            first.setdefault("parameters", {})["more"] = "2"
    return made


def drawn(dice, models):
    """A model, a request for it, what is unusual about that, and its form."""
    model = dice.choice(models)
    luck = dice.random()
    rows = model.wrong(dice) if 0.35 < luck < 0.75 else model.good(dice)
    form, made = request(dice, rows, None if model.is_table else model.element)
    if luck < 0.75:
        if dice.random() < 0.5:
            made["id"] = f"request-{dice.randrange(99)}"
        classes = model.manifest["classes"]
        names = dice.choice([None, ["predict"], *([["predict_proba"], ["predict", "predict_proba"]] if classes else [])])
        if names:
            made["outputs"] = [{"name": name} for name in names]
        return model, rows.what, form, made
    what = dice.choice(WRONG)
    return model, what, form, spoilt(dice, what, made)


def by_rest(url, target, what, made, key):
    """The status of an answer, and its JSON."""
    text = made if isinstance(made, str) else json.dumps(made)
    headers = {"content-type": "text/plain" if what == "another content type" else "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    answer = requests.post(f"{url}/v2/models/{target}/infer", data=text.encode(), headers=headers, timeout=60)
    return answer.status_code, answer.json() if answer.ok else answer.text


# The statuses of gRPC, as those of HTTP are.
CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.FAILED_PRECONDITION: 422,
    grpc.StatusCode.INTERNAL: 500,
}


class Grpc:
    """A server that is asked by gRPC."""

    def __init__(self, address, key):
        channel = grpc.insecure_channel(address)
        self.metadata = [("authorization", f"Bearer {key}")] if key else []
        self.infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            messages.ModelInferRequest.SerializeToString,
            messages.ModelInferResponse.FromString,
        )

    def ask(self, message):
        """The status of an answer, and what it says as REST's JSON."""
        try:
            answer = self.infer(message, timeout=60, metadata=self.metadata)
        except grpc.RpcError as error:
            return CODES.get(error.code(), 599), error.details()
        said = ModelInferResponseConverter.to_types(answer)
        outputs = [
            {
                "name": each.name,
                "shape": each.shape,
                "datatype": str(each.datatype),
                "data": [plain(value) for value in each.data.root],
            }
            for each in said.outputs
        ]
        return 200, {"model_name": said.model_name, "id": said.id or None, "outputs": outputs}


def plain(value):
    return value.decode() if isinstance(value, bytes) else value


def message(target, made, raw):
    """A request as a message; none where it can't be one."""
    model, _, version = target.partition("/versions/")
    try:
        request = InferenceRequest.model_validate(made)
        for tensor in request.inputs:
            if tensor.datatype == "BYTES":
                tensor.data.root = [value.encode() for value in tensor.data.root]
            elif tensor.datatype.startswith("FP"):
                tensor.data.root = [math.nan if value is None else value for value in tensor.data.root]
        return ModelInferRequestConverter.from_types(request, model, version, use_raw=raw)
    except Exception:  # whatever the codecs and protobuf say of values that have no place in a message
        return None


def difference(ours, theirs, runtime):
    """What differs in two answers; nothing if nothing does."""
    if ours[0] != theirs[0]:
        return f"{ours[0]}, not {theirs[0]}"
    if ours[0] != 200:
        return None
    if ours[1].get("id") != theirs[1].get("id") and theirs[1].get("id") and ours[1].get("id"):
        return "another id"
    mine, other = ours[1]["outputs"], theirs[1]["outputs"]
    if runtime == "sklearn" and [each["name"] for each in mine] != [each["name"] for each in other]:
        return "other outputs"
    for one, another in zip(mine, other, strict=False):
        if one["shape"] != another["shape"]:
            return "another shape"
        if one["datatype"] != another["datatype"]:
            return "another datatype"
        if not same(one["data"], another["data"]):
            return "other values"
    return None


def same(ours, theirs):
    if any(isinstance(value, str) for value in theirs):
        return ours == theirs
    return len(ours) == len(theirs) and np.allclose(
        np.array(ours, float), np.array(theirs, float), rtol=1e-5, atol=1e-6, equal_nan=True
    )


def compare(dice, models, mine, theirs, count, key):
    """Sends requests to both, and counts what came out."""
    tallies = {way: known.Tally(f"MLServer by {way}", known.MLSERVER) for way in ("REST", "gRPC")}
    grpcs = [Grpc(address, key) for address in (mine[1], theirs[1])]
    for _ in range(count):
        model, what, form, made = drawn(dice, models)
        target = {"an absent model": "absent", "an absent version": f"{model.name}/versions/99"}.get(what, model.name)
        runtime = dice.choice(list(RUNTIMES))
        if runtime == "mlflow" and isinstance(made, dict):
            made.pop("outputs", None)
        other = target.replace(model.name, f"{model.name}-{runtime}")
        text, form = json.dumps(made), f"{form}; {runtime}"

        def count_in(way, answers, case=(model.name, what, form), runtime=runtime, text=text):
            told = "\n  ".join([text, *(str(said)[:300] for _, said in answers)])
            tallies[way].add(tuple(status for status, _ in answers), case, difference(*answers, runtime), told)

        count_in("REST", (by_rest(mine[0], target, what, made, key), by_rest(theirs[0], other, what, made, None)))
        raw = dice.random() < 0.5
        sent = [message(at, json.loads(text), raw) for at in (target, other)]
        if what != "another content type" and None not in sent:
            count_in("gRPC", tuple(server.ask(one) for server, one in zip(grpcs, sent, strict=True)))
    return list(tallies.values())
