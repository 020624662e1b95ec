"""Writes `docs/estimators.md`: which estimators are computed natively, which are converted, and which need Python.

`python worker/python/estimators.py [--only NAME…] [--native-only]`, with the platform's Python, after
`cargo build --workspace --example verify`. It ends with 1 if an estimator that was verified on its notebook's rows answers other
rows differently. With `--only` or `--native-only` it prints what it finds, and writes nothing.
"""

import argparse
import contextlib
import math
import signal
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import estimator_data
from mlsys_packager import client, convert, edges, exports, inputs, native, schema, verify
from test_native import Verifier

DOCUMENT = HERE.parents[1] / "docs" / "estimators.md"
# What a packaged model is held to: `MARGIN` in `crates/native/src/proof.rs`.
MARGIN = 2.5e-13
UNSEEN, SECONDS = 1_000, 20
GROUPS = ("Classifiers", "Regressors", "Outlier detectors", "Clusterers", "Transformers", "Others")
FORMS = ("array", "table", "search")
# What `docs/estimators.md` says of a form.
NATIVE, ONNX, PYTHON, NOWHERE, WRONG, DASH = "native", "ONNX", "Python", "no", "**WRONG**", "-"


@dataclass(frozen=True)
class Found:
    """What came of one form of one estimator."""

    how: str
    difference: float = 0.0
    reason: str = ""


def estimators():
    """Every estimator that there is: `(name, class, group)`, or the reason why it answers no rows instead of the group."""
    from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor
    from sklearn.base import OutlierMixin
    from sklearn.utils import all_estimators
    from xgboost import XGBClassifier, XGBRanker, XGBRegressor, XGBRFClassifier, XGBRFRegressor

    kinds = {"cluster": "Clusterers", "transformer": "Transformers", "regressor": "Regressors", "classifier": "Classifiers"}
    group = {}
    for kind in ("transformer", "cluster", "regressor", "classifier"):
        group |= dict.fromkeys([name for name, _ in all_estimators(kind)], kinds[kind])
    group |= dict.fromkeys(("CountVectorizer", "TfidfVectorizer", "FeatureAgglomeration"), "Transformers")
    for name, kind in all_estimators():
        if name in estimator_data.NOT_OF_ROWS:
            yield name, kind, estimator_data.NOT_OF_ROWS[name]
        elif name != "FrozenEstimator" and not any(hasattr(kind, m) for m in ("predict", "transform", "score_samples")):
            yield name, kind, "it answers no rows but those it was fitted on, or none at all"
        else:
            yield name, kind, "Outlier detectors" if issubclass(kind, OutlierMixin) else group.get(name, "Others")
    for kind in (XGBClassifier, XGBRFClassifier, LGBMClassifier):
        yield kind.__name__, kind, "Classifiers"
    for kind in (XGBRegressor, XGBRFRegressor, XGBRanker, LGBMRegressor, LGBMRanker):
        yield kind.__name__, kind, "Regressors"


class Late(Exception):
    """It took too long."""


@contextlib.contextmanager
def limit(seconds):
    """Raises `Late` in what takes longer."""

    def late(*_):
        raise Late(f"it takes longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def with_edges(model, rows, fitted, found, asked):
    """Rows as they are sent, and others at the edge of the data that the estimator accepts."""
    if found.is_table:
        if found.as_series and not hasattr(rows, "columns"):
            rows = rows.to_frame(asked.columns[0]["name"])
        return edges.beyond(model, asked.sent(rows), asked, extremes=rows is not found.rows)
    more = [fitted[:40], rows[:1] * 0]
    if rows.dtype.kind == "f":
        holes = np.where(np.eye(rows.shape[1]) > 0, np.nan, fitted[: rows.shape[1]])
        more += [(fitted[:20] + fitted[20:40]) / 2, rows[:1] * -0.0, rows[1:5] * 1e3, rows[5:9] * 1e-9, *holes[:6, None]]
    accepted = []
    for part in more:
        with contextlib.suppress(Exception):
            model.predict(part)
            accepted.append(part)
    return np.concatenate([rows, *accepted])


def try_form(verifier, form, grouped, native_only):
    """What comes of one form of an estimator."""
    _, make, rows, target = form
    x, y = estimator_data.data(rows, target, 1, estimator_data.FITTED)
    unseen, _ = estimator_data.data(rows, target, 2, UNSEEN)
    model = estimator_data.fit(make(), x, y, grouped)
    asked = exports.answering(*exports.find(model)[:2])
    found = inputs.find(asked, {"X_train": x})
    if found is None:
        return Found(NOWHERE, reason="it answers no one row for each row")
    signature, own = schema.signature(found)
    client_of = client.Client(signature, own, found.form)
    if found.is_table:
        soft = edges.accepts_missing(asked, client_of.sent(found.rows.head(50)), client_of)
        for column in signature["columns"]:
            column["nullable"] = column["nullable"] or column["name"] in soft
    known, unseen = (with_edges(asked, part, x, found, client_of) for part in (found.rows, unseen))
    try:
        graph, says = native.export(model, found, signature, own)
        classes = says and says.classes
        parts = [
            native.proof(part, signature, native.answers(model, client_of.seen(part), says), classes)
            for part in (known, unseen)
        ]
        first, other = (verifier.verify(graph, part) for part in parts)
        if first.startswith("ok") and (near := float(first.split()[2])) > MARGIN:
            first = f"no {near:.1e} is too near to what may differ"
        if first.startswith("ok"):
            return Found(NATIVE, float(other.split()[2])) if other.startswith("ok") else Found(WRONG, reason=other)
        reason = f"differs: {first[3:]}"
    except native.Unsupported as error:
        reason = str(error)
    if native_only or found.as_series or not hasattr(model, "predict"):
        return Found(PYTHON, reason=reason)
    return converted(model, signature, client_of.seen(known), client_of.seen(unseen), reason)


def converted(model, signature, known, unseen, reason):
    """What comes of an estimator that native does not have."""
    import onnxruntime

    graph, entry, _ = verify.best(model, signature, known, [])
    if graph is None:
        return Found(PYTHON, reason=reason)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    absent = convert.missing_string(convert.unwrap(model))
    outputs = session.run(None, verify.feed(session, entry["layout"], unseen, absent))
    try:
        return Found(ONNX, verify._difference(outputs, *verify.answer(model, unseen)), reason)
    except verify.Different as error:
        return Found(ONNX, math.inf, f"{reason}; its conversion is wrong on other rows: {error}")


def try_all(only, native_only):
    """By group and name, what came of each form; and the reasons of those that answer no rows."""
    results, apart = {group: {} for group in GROUPS}, {}
    with Verifier() as verifier, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, kind, group in estimators():
            if only and name not in only:
                continue
            if group not in results:
                apart[name] = group
                continue
            started, said = time.monotonic(), {}
            case = estimator_data.case(name, kind, group)
            for form in estimator_data.forms(case):
                try:
                    with limit(SECONDS):
                        said[form[0]] = try_form(verifier, form, case.grouped, native_only)
                except Exception as error:
                    # Whatever fails on the way, the others are tried.
                    said[form[0]] = Found(
                        NOWHERE, reason=f"{type(error).__name__}: {str(error).strip().splitlines()[:1]}"[:200]
                    )
            results[group][name] = said
            shown = ", ".join(
                f"{form} {found.how}" + (f" ({found.reason})" if found.reason else "") for form, found in said.items()
            )
            print(f"{name:28} {time.monotonic() - started:5.1f} s  {shown}", flush=True)
    return results, apart


def share(group, form):
    """How many of a group are native in a form, of how many."""
    tried = [said[form].how for said in group.values() if form in said]
    return f"{tried.count(NATIVE)} of {len(tried)}"


def document(results, apart):
    """The text of `docs/estimators.md`."""
    import lightgbm
    import sklearn
    import xgboost

    lines = [
        "# Estimators",
        "",
        "<!-- Written by worker/python/estimators.py: change that, and run it. -->",
        "",
        f"Every estimator of scikit-learn {sklearn.__version__}, XGBoost {xgboost.__version__} and LightGBM {lightgbm.__version__}, and how its predictions are computed:",
        "*native* is the engine in `crates/native`, in the library's own arithmetic; *ONNX* a conversion that was verified;",
        "*Python* the estimator itself. *no*: it answers no one row for each row. A dash: it can't be used so.",
        "",
        f"Each was fitted on {estimator_data.FITTED} rows and asked about {UNSEEN:,} others, and rows at the edge of the data: as an *array* of",
        "numbers, behind a *table* with gaps and text (transformers: before a logistic regression), and inside a *search*. The difference is",
        "the largest of the three, relative to the value or the mean magnitude of the values, rounded up to a power of ten.",
        "",
        "| native | " + " | ".join(FORMS) + " |",
        "|---" * (len(FORMS) + 1) + "|",
    ]
    lines += [f"| {group} | " + " | ".join(share(results[group], form) for form in FORMS) + " |" for group in GROUPS]
    for group in GROUPS:
        lines += [
            "",
            f"## {group}",
            "",
            "| estimator | " + " | ".join(FORMS) + " | difference |",
            "|---" * (len(FORMS) + 2) + "|",
        ]
        lines += [row(name, said) for name, said in sorted(results[group].items())]
    lines += ["", "## Why not native", "", "| estimator | as | reason |", "|---|---|---|"]
    for name, said in sorted({**{n: s for group in results.values() for n, s in group.items()}}.items()):
        reasons = {}
        for form, found in said.items():
            if found.reason:
                reasons.setdefault(found.reason, []).append(form)
        lines += [f"| {name} | {', '.join(where)} | {reason.replace('|', '/')} |" for reason, where in reasons.items()]
    lines += ["", "## Not to be served", "", "| estimator | reason |", "|---|---|"]
    lines += [f"| {name} | {reason} |" for name, reason in sorted(apart.items())]
    return "\n".join(lines) + "\n"


def row(name, said):
    """An estimator's line."""
    cells = [said[form].how if form in said else DASH for form in FORMS]
    worst = max((found.difference for found in said.values() if found.how in (NATIVE, ONNX)), default=None)
    if worst is None:
        shown = DASH
    elif worst == 0 or math.isinf(worst):
        shown = "0" if worst == 0 else "wrong"
    else:
        shown = f"1e{math.ceil(math.log10(worst))}"
    return f"| {name} | {' | '.join(cells)} | {shown} |"


def main():
    """Tries the estimators, prints the totals and writes the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--native-only", action="store_true")
    options = parser.parse_args()
    results, apart = try_all(options.only, options.native_only)
    for group in GROUPS:
        print(f"{group:20}" + "".join(f"  {form}: {share(results[group], form):12}" for form in FORMS))
    hows = Counter(found.how for group in results.values() for said in group.values() for found in said.values())
    print(", ".join(f"{count} {how}" for how, count in hows.most_common()), f"; {len(apart)} not to be served")
    if not options.only and not options.native_only:
        DOCUMENT.write_text(document(results, apart), encoding="utf-8")
    return 1 if hows[WRONG] else 0


if __name__ == "__main__":
    sys.exit(main())
