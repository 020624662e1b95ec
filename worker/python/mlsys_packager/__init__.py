"""Packages a model in the kernel that trained it: an MLflow model directory with a manifest and, where one is verified, a converted model.

| module | its one job |
|---|---|
| `inputs` | the rows the notebook trained on, found in its variables |
| `schema` | the signature those rows have |
| `adapter` | dtypes a signature cannot tell, restored in front of the estimator |
| `client` | rows as a client's JSON makes them |
| `edges` | rows beyond the data |
| `convert`, `operators`, `boosters`, `trees`, `graph` | conversions to ONNX, from the whole estimator down to its nodes |
| `verify` | which of them answers as the estimator does |
| `guess` | what can be said of a model without rows |
| `pickles`, `mlmodel` | the files |
"""

import json
import time
import traceback
import warnings
from pathlib import Path

from . import adapter, client, edges, guess, inputs, mlmodel, pickles, schema, verify
from .errors import PackagingError, brief

EXAMPLE_ROWS = 5
PROBE_ROWS = 50


def main(config, user_ns):
    """Fills `config["output_dir"]`; answers `{"manifest", "log"}`, or `{"error": what to do}`.

    `config`: `model_path`, `output_dir`, `model_name`, `declared_version`, `run_id` or null, `tree_root`, `environment` or null.
    `user_ns` is the notebook's variables; they are read and not changed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _package(config, user_ns)
    except PackagingError as error:
        if error.__context__:
            traceback.print_exception(error.__context__)  # into the log
        return {"error": str(error)}
    except Exception as error:
        # A fault of the packager itself must reach the author as a sentence, and never as a dead kernel.
        traceback.print_exc()  # into the log
        where = traceback.extract_tb(error.__traceback__)[-1]
        return {"error": f"The packager failed with {brief(error)} ({Path(where.filename).name}, line {where.lineno})."}


def _package(config, user_ns):
    started = time.monotonic()
    log = []
    directory = Path(config["output_dir"])
    directory.mkdir(parents=True, exist_ok=True)
    model = pickles.load(Path(config["model_path"]))
    found = inputs.find(model, user_ns)
    if found is None:
        rows, signature, own = guess.rows(model, inputs.refusal(model, user_ns))
        log.append(
            "No variable of the notebook holds rows that the model accepts: the signature is inferred from the model alone."
        )
    else:
        rows = found.rows
        signature, own = schema.signature(found)
    form = found.form if found else None
    served = adapter.adapt(model, own, form)
    rows = client.Client(signature, own, form).sent(rows)
    graph, converted, reason = _convert(model, found, signature, own, log)
    example = _example(rows, signature)
    predictions, probabilities = verify.answer(served, example)
    libraries = pickles.write(served, directory / "model.pkl", config.get("tree_root"))
    manifest = {
        "format": 1,
        "model_name": config["model_name"],
        "declared_version": config["declared_version"],
        **_task(model, predictions),
        "signature": signature,
        "flavour": "onnx" if converted else "python",
        "onnx": converted,
        "onnx_reason": reason,
        "input_example": _split(_in_utc(example, own), signature),
        "expected_output": _expected(predictions, probabilities),
        "files": {"model.pkl": pickles.digest(directory / "model.pkl")},
        "environment": config.get("environment"),
        "python_version": mlmodel.python_version(),
        "libraries": libraries,
    }
    if converted:
        (directory / "model.onnx").write_bytes(graph)
        manifest["files"]["model.onnx"] = pickles.digest(directory / "model.onnx")
        log.append(
            f"Converted to ONNX ({converted['variant']}) and verified on {converted['rows_verified']} rows; "
            f"largest difference {converted['max_difference']:.2g}."
        )
    else:
        log.append(f"Served by Python: {reason}.")
    mlmodel.write(directory, manifest, config.get("run_id"), predictions)
    (directory / "metadata.json").write_text(
        json.dumps(manifest, allow_nan=False, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    log.append(f"Packaged {type(model).__name__} in {time.monotonic() - started:.1f} s.")
    return {"manifest": manifest, "log": log, "packages": mlmodel.packages()}


def _convert(model, found, signature, own, log):
    """The verified converted model. Number columns become nullable where the estimator takes missing values, and it too."""
    if found is None:
        return None, None, "there are no rows to verify a converted model on"
    if found.form:
        return None, None, f"the model takes {'one column of text' if found.as_series else 'an array of objects'}"
    try:
        import onnxruntime  # noqa: F401
        import skl2onnx  # noqa: F401
    except ImportError as error:
        missing = f"the notebook's environment has no {error.name}"
    else:
        missing = None
    asked = client.Client(signature, own, found.form)
    sent = asked.sent(found.rows)
    columns = signature.get("columns", [])
    known = found.missing | found.dropped
    soft = edges.accepts_missing(model, sent.head(PROBE_ROWS), asked, known) if found.is_table else []
    numbers = [c["name"] for c in columns if c["name"] in soft and c["type"] in ("double", "float")]
    reason = missing
    for gaps in _different([soft, numbers, []]) if missing is None else ():
        for column in columns:
            column["nullable"] = column["name"] in known or column["name"] in gaps
        rows = asked.seen(edges.beyond(model, sent, asked))
        graph, converted, reason = verify.best(model, signature, rows, log)
        if converted:
            return graph, converted, None
    for column in columns:
        column["nullable"] = column["name"] in known or column["name"] in soft
    return None, None, reason


def _different(lists):
    return [one for at, one in enumerate(lists) if one not in lists[:at]]


def _example(rows, signature):
    if signature["kind"] == "tensor":
        return rows[:EXAMPLE_ROWS]
    missing = rows.isna().any(axis=1)
    chosen = [*rows.index[~missing][: EXAMPLE_ROWS - 1], *rows.index[missing][:1]]
    chosen += [i for i in rows.index if i not in chosen][: EXAMPLE_ROWS - len(chosen)] if len(chosen) < EXAMPLE_ROWS else []
    return rows.loc[chosen].reset_index(drop=True)


def _in_utc(example, own):
    """Moments of a column that knows its time zone, with one."""
    for name, (dtype, _) in own.items():
        if getattr(dtype, "tz", None) is not None:
            example = example.assign(**{name: example[name].dt.tz_localize("UTC")})
    return example


def _split(example, signature):
    if signature["kind"] == "tensor":
        return {"inputs": schema.plain(example)}
    columns = [[schema.plain(value) for value in example[name]] for name in example.columns]
    return {"columns": [str(name) for name in example.columns], "data": [list(row) for row in zip(*columns, strict=True)]}


def _expected(predictions, probabilities):
    expected = {"predictions": schema.plain(predictions)}
    if probabilities is not None:
        expected["probabilities"] = schema.plain(probabilities)
    return expected


def _task(model, predictions):
    labels = getattr(model, "classes_", None)
    if labels is None and not hasattr(model, "predict_proba") and predictions.dtype.kind not in "OUSb":
        return {"task": "regression", "classes": None}
    one_output = labels is not None and not isinstance(labels, list)
    return {"task": "classification", "classes": schema.plain(labels) if one_output else None}
