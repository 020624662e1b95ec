"""Packages a model in the kernel that trained it: an MLflow model directory with a manifest and, where one is verified, a converted model.

| module | its one job |
|---|---|
| `exports` | what the export cell wrote, as something that answers `predict` |
| `inputs` | the rows the notebook trained on, found in its variables |
| `schema` | the signature those rows have |
| `adapter` | dtypes a signature cannot tell, restored in front of the model, and a `predict` where it has none |
| `client` | rows as a client's JSON makes them |
| `edges` | rows beyond the data |
| `convert`, `operators`, `boosters`, `trees`, `graph` | conversions to ONNX, from the whole estimator down to its nodes |
| `verify` | which of them answers as the estimator does |
| `native` | the estimator as a graph of plain data, computed in its own arithmetic |
| `budget` | time and memory that a way of serving may take to prepare |
| `fresh` | whether the pickled model answers in a process of its own |
| `guess` | what can be said of a model without rows |
| `pickles`, `mlmodel` | the files |
"""

import json
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

from . import adapter, budget, client, edges, exports, fresh, guess, inputs, mlmodel, native, pickles, schema, verify
from .errors import PackagingError, brief

EXAMPLE_ROWS = 5
PROBE_ROWS = 50
# What packaging may take, unless it is told: seconds, and bytes beyond what the notebook takes.
SECONDS, MEMORY = 120, 2 << 30
# A model whose pickle is larger is not loaded once more to see whether it answers in a process of its own.
TRIED_BYTES = 256 << 20


def main(config, user_ns):
    """Fills `config["output_dir"]`; answers `{"manifest", "log"}`, or `{"error": what to do}`.

    `config`: `model_path`, `output_dir`, `model_name`, `declared_version`, `run_id` or null, `tree_root`, `environment` or null;
    `seconds` and `memory` that it may take; `native_refused` and `onnx_refused`, why these are not tried.
    `user_ns` is the notebook's variables; they are read and not changed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _package(config, user_ns)
    except (PackagingError, adapter.TooWide) as error:
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
    end = started + config.get("seconds", SECONDS)
    directory = Path(config["output_dir"])
    directory.mkdir(parents=True, exist_ok=True)
    model, method, log = exports.find(pickles.load(Path(config["model_path"])))
    answering = exports.answering(model, method)
    found = inputs.find(answering, user_ns)
    if found is None:
        rows, signature, own = guess.rows(model, inputs.refusal(answering, user_ns))
        log.append(
            "No variable of the notebook holds rows that the model accepts: the signature is inferred from the model alone."
        )
    else:
        rows = found.rows
        signature, own = schema.signature(found)
    form = found.form if found else None
    served = adapter.adapt(model, own, form, method)
    rows = client.Client(signature, own, form).sent(rows)
    example = _example(rows, signature)
    predictions, expected = _answered(served, example)
    way = Ways(model, method, config, end)
    exported, native_reason = way.tried("native", lambda: _export(model, answering, found, (signature, own)))
    converted, reason = (
        (None, None) if exported else way.tried("onnx", lambda: _convert(answering, found, (signature, own), log))
    )
    libraries = pickles.write(served, directory / "model.pkl", config.get("tree_root"))
    if not exported and not converted and (directory / "model.pkl").stat().st_size <= TRIED_BYTES:
        left = max(end - time.monotonic(), 5)
        log += fresh.check(directory / "model.pkl", example, expected["predictions"], left)
    manifest = {
        "format": 1,
        "model_name": config["model_name"],
        "declared_version": config["declared_version"],
        **_task(model, method, expected["predictions"], exported),
        "columns": _columns(model, method, predictions),
        "signature": signature,
        "flavour": "native" if exported else "onnx" if converted else "python",
        "native": {"rows_verified": exported.rows} if exported else None,
        "native_reason": native_reason,
        "onnx": converted.entry if converted else None,
        "onnx_reason": reason,
        "input_example": _split(_in_utc(example, own), signature),
        "expected_output": expected,
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
        (directory / "model.onnx").write_bytes(converted.graph)
        manifest["files"]["model.onnx"] = pickles.digest(directory / "model.onnx")
        log.append(
            f"Converted to ONNX ({converted.entry['variant']}) and verified on {converted.entry['rows_verified']} rows; "
            f"largest difference {converted.entry['max_difference']:.2g}."
        )
    if native_reason:
        log.append(f"Not computed natively: {native_reason}.")
    if not exported and not converted:
        log.append(f"Served by Python: {reason}.")
    mlmodel.write(directory, manifest, config.get("run_id"), predictions)
    (directory / "metadata.json").write_text(
        json.dumps(manifest, allow_nan=False, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    log.append(f"Packaged {getattr(model, '__name__', type(model).__name__)} in {time.monotonic() - started:.1f} s.")
    return {"manifest": manifest, "log": log, "packages": mlmodel.packages()}


def _answered(served, example):
    """What the model answers for its example: predictions as an array, and all of it as JSON."""
    try:
        predictions, probabilities = verify.answer(served, example)
        expected = {"predictions": schema.plain(predictions)}
        if probabilities is not None:
            expected["probabilities"] = schema.plain(probabilities)
    except adapter.TooWide:
        raise
    except schema.NoJson as error:
        raise PackagingError(
            f"The model's answers can't be sent: {error}. Let it answer numbers, text, truths, moments, or lists and dicts of them."
        ) from error
    except Exception as error:
        raise PackagingError(f"The model fails on rows of the notebook: {brief(error)}.") from error
    return predictions, expected


@dataclass
class Ways:
    """The ways of serving a model that are better than its own Python, each within its part of the time that is left."""

    model: object
    method: str
    config: dict
    end: float

    def tried(self, way, prepare):
        """What `prepare` answers, or `None`; and why, when it is none. Whatever goes wrong with it, the model is served another way."""
        if self.config.get(f"{way}_refused"):
            return None, self.config[f"{way}_refused"]
        what = {"call": "a function", "predict_in_context": "an MLflow PythonModel"}.get(self.method)
        if what:
            return None, f"it is {what}, which Python alone computes"
        if way == "onnx" and self.method != "predict":
            return None, "only what has predict is converted to ONNX"
        seconds = max((self.end - time.monotonic()) / 2, 0)
        try:
            with budget.within(seconds, self.config.get("memory", MEMORY)):
                return prepare()
        except native.Unsupported as error:
            return None, str(error)
        except budget.Spent as spent:
            return None, f"{PREPARING[way]} it is given up: {spent}"
        except MemoryError:
            return None, f"{PREPARING[way]} it takes too much memory"
        except Exception as error:
            traceback.print_exc()  # into the log
            return None, f"{PREPARING[way]} it failed with {brief(error)}"


PREPARING = {"native": "exporting", "onnx": "converting"}


@dataclass
class Exported:
    """A native graph, and what it is to be verified on, which is done outside of this process."""

    graph: bytes
    proof: bytes
    rows: int
    # What a label's place in the graph's answer stands for: a list of them where a row has several; `None` where it answers numbers.
    classes: object


@dataclass
class Converted:
    """An ONNX graph, and its entry in the manifest."""

    graph: bytes
    entry: dict


def _export(model, answering, found, described):
    """The native graph, or `None` and why there is none."""
    if found is None:
        return None, "there are no rows to verify it on"
    return _graph(model, answering, found, *described), None


def _graph(model, answering, found, signature, own):
    asked = client.Client(signature, own, found.form)
    sent = asked.sent(found.rows)
    _set_nullable(signature.get("columns", []), found, _soft(answering, found, asked, sent))
    graph, says = native.export(model, found, signature, own)
    rows = edges.beyond(answering, sent, asked) if found.is_table else sent
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


def _convert(model, found, described, log):
    """The verified converted model, or `None` and why there is none. Columns become nullable where both take missing values."""
    signature, own = described
    if found is None:
        return None, "there are no rows to verify a converted model on"
    if found.form:
        takes = {"series": "one column of text", "array": "an array of objects", "records": "a list of dicts"}
        return None, f"the model takes {takes[found.form]}"
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
    reason = missing or "its array has missing numbers, and was not seen to take them in every column"
    try:
        for rows, gaps in _attempts(model, found, asked, sent, soft) if missing is None else ():
            graph, entry, reason = verify.best(model, signature, asked.seen(rows), log)
            if entry:
                return Converted(graph, entry | {"missing_numbers": gaps}), None
    except BaseException:
        _set_nullable(columns, found, soft)
        raise
    _set_nullable(columns, found, soft)
    return None, reason


def _attempts(model, found, asked, sent, soft):
    """What to verify conversions on, the most first: rows, and whether an array's may have missing numbers (`None` of a table,
    whose columns say it)."""
    if not found.is_table:
        gapped = edges.gapped(model, sent, asked)
        if gapped is not None:
            yield gapped, True
        if not edges.has_gaps(sent):
            yield sent, False
        return
    numbers = [c["name"] for c in asked.columns if c["name"] in soft and c["type"] in ("double", "float")]
    for gaps in _different([soft, numbers, []]):
        _set_nullable(asked.columns, found, gaps)
        yield edges.beyond(model, sent, asked), None


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


def _task(model, method, predictions, exported):
    """What kind of answers these are: labels of a closed set, numbers, or rows made into others."""
    if exported and exported.classes is not None and not isinstance(exported.classes, list):
        return {"task": "classification", "classes": schema.plain(exported.classes)}
    kinds = {type(leaf) for leaf in _leaves(predictions)}
    labels = getattr(model, "classes_", None)
    says_labels = labels is not None or hasattr(model, "predict_proba")
    if method == "transform" or dict in kinds or (not says_labels and len(kinds) > 1 and not kinds <= {int, float}):
        return {"task": "transformation", "classes": None}
    if not says_labels and not kinds & {str, bool}:
        return {"task": "regression", "classes": None}
    one_output = labels is not None and not isinstance(labels, list)
    return {"task": "classification", "classes": schema.plain(labels) if one_output else None}


def _leaves(value):
    """What is in lists of lists, but for what is missing."""
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [] if value is None else [value]


def _columns(model, method, predictions):
    """The names of what a transformer makes of a row, where it knows them."""
    if method != "transform" or predictions.ndim != 2:
        return None
    try:
        names = [str(name) for name in model.get_feature_names_out()]
    except Exception:
        # Some can't tell, each in its own way.
        return None
    return names if len(names) == predictions.shape[1] else None
