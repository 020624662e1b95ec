"""The files by which MLflow knows a model: `MLmodel`, its examples, and the environment to rebuild.

Written here rather than by `mlflow.sklearn.save_model`, because importing MLflow costs a second in a kernel that did
not, and because its default format refuses estimators with code of their own.
"""

import json
import platform
import re
from datetime import UTC, datetime
from importlib import metadata

EXAMPLE, SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"


def write(directory, manifest, run_id, predictions):
    """Writes everything but the model's own files into `directory`."""
    table = manifest["signature"]["kind"] == "columns"
    example = manifest["input_example"]
    _write_json(directory / EXAMPLE, example)
    _write_json(directory / SERVING_EXAMPLE, {"dataframe_split": example} if table else example)
    requirements = _requirements(manifest["libraries"])
    (directory / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
    python = manifest["python_version"]
    # JSON is YAML: MLflow reads these files, and nothing else has to be imported to write them.
    _write_json(
        directory / "conda.yaml",
        {
            "name": "mlflow-env",
            "channels": ["conda-forge"],
            "dependencies": [f"python={python}", "pip", {"pip": requirements}],
        },
    )
    _write_json(
        directory / "python_env.yaml",
        {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]},
    )
    _write_json(directory / "MLmodel", _mlmodel(manifest, run_id, predictions, table))


def _mlmodel(manifest, run_id, predictions, table):
    libraries = manifest["libraries"]
    described = {
        "flavors": {
            "python_function": {
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.sklearn",
                "model_path": "model.pkl",
                "predict_fn": "predict",
                "python_version": manifest["python_version"],
            },
            "sklearn": {
                "code": None,
                "pickled_model": "model.pkl",
                "serialization_format": "cloudpickle",
                "sklearn_version": libraries.get("scikit-learn", ""),
            },
        },
        "saved_input_example_info": {
            "artifact_path": EXAMPLE,
            "serving_input_path": SERVING_EXAMPLE,
            **({"pandas_orient": "split", "type": "dataframe"} if table else {"format": "tf-serving", "type": "ndarray"}),
        },
        "signature": {
            "inputs": json.dumps(_inputs(manifest["signature"])),
            "outputs": _outputs(predictions),
            "params": None,
        },
        "utc_time_created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    }
    version = _installed("mlflow")
    if version:
        described["mlflow_version"] = version
    if run_id:
        described["run_id"] = run_id
    return described


def _inputs(signature):
    if signature["kind"] == "tensor":
        return [{"type": "tensor", "tensor-spec": _numpy_spec(signature["tensor"])}]
    return [{"type": c["type"], "name": c["name"], "required": c["required"]} for c in signature["columns"]]


def _numpy_spec(tensor):
    return {"dtype": tensor["dtype"], "shape": tensor["shape"]}


def _outputs(predictions):
    """What it answers; `None` where rows are no plain values."""
    if predictions.dtype.kind == "O" and not all(isinstance(value, str) for value in predictions.ravel()):
        return None
    if predictions.dtype.kind in "OUS":
        return json.dumps([{"type": "string", "required": True}])
    spec = {"dtype": predictions.dtype.name, "shape": [-1, *predictions.shape[1:]]}
    return json.dumps([{"type": "tensor", "tensor-spec": spec}])


def _requirements(libraries):
    version = _installed("mlflow")
    return [*([f"mlflow=={version}"] if version else []), *(f"{name}=={version}" for name, version in libraries.items())]


def _installed(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def python_version():
    """The running Python's version."""
    return platform.python_version()


def packages():
    """Everything that is installed where the notebook runs: versions by name. Of two of one name the first is imported."""
    found = {}
    for distribution in metadata.distributions():
        name, version = _named(distribution)
        if name and version:
            found.setdefault(name, version)
    return dict(sorted(found.items()))


def _named(distribution):
    """The name and version of what is installed. The head of its file is looked through: parsing it all takes ten times as long."""
    head = re.split(r"\r?\n\r?\n", distribution.read_text("METADATA") or "", maxsplit=1)[0]
    fields = dict(re.findall(r"^(Name|Version):[ \t]*(\S+)", head, re.MULTILINE))
    if len(fields) == 2:
        return fields["Name"], fields["Version"]
    return distribution.metadata["Name"], distribution.version


def _write_json(path, value):
    path.write_text(json.dumps(value, allow_nan=False, ensure_ascii=False, indent=1), encoding="utf-8")
