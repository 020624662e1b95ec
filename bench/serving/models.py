"""The models of the serving benchmark: fitted, and packaged as a notebook's are.

`python bench/serving/models.py FOLDER`, with the platform's Python. For each model `FOLDER/NAME` is the packaged model, `FOLDER/NAME.joblib`
the estimator, and, where it converts when its texts have pandas' own type, `FOLDER/NAME.onnx` its graph with one input a column. `FOLDER/1.json` and
`FOLDER/1000.json` are bodies of so many rows.
"""

import json
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "worker/python"))
import mlsys_packager

NUMBERS, TEXTS = ["age", "income", "score", "balance", "visits", "children"], ["plan", "town"]
GAPS = ["age", "income", "score", "balance", *TEXTS]
ROWS = 1_000


def rows(draw, count):
    """Eight mixed columns; texts of dtype `object`, with NaN among them."""
    table = pd.DataFrame(
        {
            "age": draw.normal(40, 12, count),
            "income": draw.lognormal(10, 0.6, count),
            "score": draw.random(count),
            "balance": draw.normal(0, 2_000, count),
            "visits": draw.integers(0, 40, count),
            "children": draw.integers(0, 5, count),
            "plan": draw.choice(["basic", "plus", "pro"], count).astype(object),
            "town": draw.choice([f"town {at}" for at in range(12)], count).astype(object),
        }
    )
    for name in GAPS:
        table.loc[draw.random(count) < 0.05, name] = np.nan
    return table


def target(table, draw):
    """Something learnable, with noise."""
    value = (
        table["income"].fillna(20_000) / 20_000
        + (table["plan"] == "pro")
        + table["visits"] / 20
        + draw.normal(0, 0.7, len(table))
    )
    return (value > value.median()).astype(int)


def behind_columns(last):
    """`last` behind imputers, one-hot encoder and scaler."""
    number = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(ColumnTransformer([("number", number, NUMBERS), ("text", text, TEXTS)]), last)


def histogram():
    """Boosting that takes gaps itself."""
    text = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("text", text, TEXTS)], remainder="passthrough")
    return make_pipeline(columns, HistGradientBoostingClassifier(random_state=0))


def words():
    """A text model: the towns, word by word."""
    text = make_pipeline(SimpleImputer(strategy="constant", fill_value=""), OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(
        ColumnTransformer([("text", text, ["plan"]), ("words", TfidfVectorizer(), "town")]),
        LogisticRegression(max_iter=1_000),
    )


MODELS = {
    "forest": lambda: behind_columns(RandomForestClassifier(100, random_state=0)),
    "regression": lambda: behind_columns(LogisticRegression(max_iter=1_000)),
    "histogram": histogram,
    "tfidf": words,
}


def package(name, model, table, folder, refused=None):
    """The manifest of a model, packaged as in a notebook's kernel."""
    path = folder / f"{name}.joblib"
    joblib.dump(model, path)
    made = folder / (name if refused is None else f"{name}-converted")
    config = {"model_path": path, "output_dir": made, "model_name": name, "declared_version": "1", "run_id": None}
    config |= {"tree_root": None, "environment": None, "native_refused": refused}
    answer = mlsys_packager.main(config, {"X_train": table})
    if "error" in answer:
        sys.exit(f"{name}: {answer['error']}")
    print(f"{name}: {answer['manifest']['flavour']}; {' '.join(answer['log'])}", file=sys.stderr)
    return SimpleNamespace(folder=made, **answer["manifest"])


def main(folder):
    """Makes all of them."""
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    table = rows(draw, ROWS)
    y = target(table, draw)
    for name, make in MODELS.items():
        x = table.assign(town=table["town"].fillna("nowhere")) if name == "tfidf" else table
        package(name, make().fit(x, y), x, folder)
        if name in ("forest", "regression"):
            typed = table.astype(dict.fromkeys(TEXTS, "str"))
            converted = package(name, make().fit(typed, y), typed, folder, "an ONNX graph is wanted")
            if converted.flavour == "onnx":
                (converted.folder / "model.onnx").rename(folder / f"{name}.onnx")
    unseen = rows(draw, ROWS).assign(town=lambda made: made["town"].fillna("town 1"))
    for count in (1, ROWS):
        text = unseen.head(count).to_json(orient="records", double_precision=15)
        (folder / f"{count}.json").write_text(json.dumps(json.loads(text)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
