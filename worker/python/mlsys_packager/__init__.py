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
| `native` | the estimator as a graph of plain data, computed in its own arithmetic |
| `guess` | what can be said of a model without rows |
| `pickles`, `mlmodel` | the files |
"""

import json
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

from . import adapter, client, edges, guess, inputs, mlmodel, native, pickles, schema, verify
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
    exported, native_reason = _export(model, found, (signature, own), config)
    graph, converted, reason = (None, None, None) if exported else _convert(model, found, signature, own, log)
    example = _example(rows, signature)
    predictions, probabilities = verify.answer(served, example)
    libraries = pickles.write(served, directory / "model.pkl", config.get("tree_root"))
    manifest = {
        "format": 1,
        "model_name": config["model_name"],
        "declared_version": config["declared_version"],
        **_task(model, predictions, exported),
        "signature": signature,
        "flavour": "native" if exported else "onnx" if converted else "python",
        "native": {"rows_verified": exported.rows} if exported else None,
        "native_reason": native_reason,
        "onnx": converted,
        "onnx_reason": reason,
        "input_example": _split(_in_utc(example, own), signature),
        "expected_output": _expected(predictions, probabilities),
        "files": {"model.pkl": pickles.digest(directory / "model.pkl")},
        "environment": config.get("environment"),
        "python_version": mlmodel.python_version(),
        "libraries": libraries,
    }
    if exported:
        (directory / "model.native").write_bytes(exported.graph)
        (directory / "proof.native").write_bytes(exported.proof)
        manifest["files"]["model.native"] = pickles.digest(directory / "model.native")
    elif converted:
        (directory / "model.onnx").write_bytes(graph)
        manifest["files"]["model.onnx"] = pickles.digest(directory / "model.onnx")
        log.append(
            f"Converted to ONNX ({converted['variant']}) and verified on {converted['rows_verified']} rows; "
            f"largest difference {converted['max_difference']:.2g}."
        )
    if native_reason:
        log.append(f"Not computed natively: {native_reason}.")
    if not exported and not converted:
        log.append(f"Served by Python: {reason}.")
    mlmodel.write(directory, manifest, config.get("run_id"), predictions)
    (directory / "metadata.json").write_text(
        json.dumps(manifest, allow_nan=False, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    log.append(f"Packaged {type(model).__name__} in {time.monotonic() - started:.1f} s.")
    return {"manifest": manifest, "log": log, "packages": mlmodel.packages()}


@dataclass
class Exported:
    """A native graph, and what it is to be verified on, which is done outside of this process."""

    graph: bytes
    proof: bytes
    rows: int
    classes: object  # what a label's place in the graph's answer stands for; `None` where it answers numbers


def _export(model, found, described, config):
    """The native graph, or `None` and why there is none. Whatever goes wrong with it, the model is served another way."""
    if config.get("native_refused"):
        return None, config["native_refused"]
    if found is None:
        return None, "there are no rows to verify it on"
    try:
        return _graph(model, found, *described), None
    except native.Unsupported as error:
        return None, str(error)
    except Exception as error:
        traceback.print_exc()  # into the log
        return None, f"exporting it failed with {brief(error)}"


def _graph(model, found, signature, own):
    asked = client.Client(signature, own, found.form)
    sent = asked.sent(found.rows)
    _set_nullable(signature.get("columns", []), found, _soft(model, found, asked, sent))
    graph, says = native.export(model, found, signature, own)
    rows = edges.beyond(model, sent, asked) if found.is_table else sent
    answers = native.answers(model, asked.seen(rows), says)
    classes = says.classes if says else None
    return Exported(graph, native.proof(rows, signature, answers, classes), len(rows), classes)


def _soft(model, found, asked, sent):
    """The columns without gaps in which the estimator takes them all the same."""
    known = found.missing | found.dropped
    return edges.accepts_missing(model, sent.head(PROBE_ROWS), asked, known) if found.is_table else []


def _set_nullable(columns, found, gaps):
    """Columns that have gaps, that the estimator does not look at, or that are named in `gaps`, are nullable."""
    for column in columns:
        column["nullable"] = column["name"] in (found.missing | found.dropped) or column["name"] in gaps


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
    soft = _soft(model, found, asked, sent)
    numbers = [c["name"] for c in columns if c["name"] in soft and c["type"] in ("double", "float")]
    reason = missing
    for gaps in _different([soft, numbers, []]) if missing is None else ():
        _set_nullable(columns, found, gaps)
        rows = asked.seen(edges.beyond(model, sent, asked))
        graph, converted, reason = verify.best(model, signature, rows, log)
        if converted:
            return graph, converted, None
    _set_nullable(columns, found, soft)
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


def _task(model, predictions, exported):
    if exported and exported.classes is not None:
        return {"task": "classification", "classes": schema.plain(exported.classes)}
    labels = getattr(model, "classes_", None)
    if labels is None and not hasattr(model, "predict_proba") and predictions.dtype.kind not in "OUSb":
        return {"task": "regression", "classes": None}
    one_output = labels is not None and not isinstance(labels, list)
    return {"task": "classification", "classes": schema.plain(labels) if one_output else None}
