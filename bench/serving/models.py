"""The models of the serving benchmark: fitted, and packaged as a notebook's are.

`python bench/serving/models.py FOLDER`, with the platform's Python. For each model `FOLDER/NAME` is the packaged model, `FOLDER/NAME.joblib`
the estimator, and `FOLDER/NAME.rows` a thousand rows that it never saw. Of those that are served (`SERVED`), `FOLDER/NAME.mlflow` is what MLflow
saves, `FOLDER/NAME.bodies` has the rows as servers take them (`bodies.py`), and `FOLDER/NAME.onnx` is a graph with one input a column, where the
model converts when its texts have pandas' own type.
"""

import shutil
import sys
import warnings
from pathlib import Path

import bodies
import joblib
import lightgbm
import mlflow
import numpy as np
import pandas as pd
import xgboost
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
WORDS = 3_000


def objects(texts):
    """A column of dtype `object`: left to itself, pandas would make its own type of text of it."""
    return pd.Series(texts, dtype=object)


def customers(draw, count):
    """Eight mixed columns; texts of dtype `object`, with NaN among them."""
    table = pd.DataFrame(
        {
            "age": draw.normal(40, 12, count),
            "income": draw.lognormal(10, 0.6, count),
            "score": draw.random(count),
            "balance": draw.normal(0, 2_000, count),
            "visits": draw.integers(0, 40, count),
            "children": draw.integers(0, 5, count),
            "plan": objects(draw.choice(["basic", "plus", "pro"], count)),
            "town": objects(draw.choice([f"town {at}" for at in range(12)], count)),
        }
    )
    for name in GAPS:
        table.loc[draw.random(count) < 0.05, name] = np.nan
    return table


def pays(table, draw):
    """Something learnable of customers, with noise."""
    value = (
        table["income"].fillna(20_000) / 20_000
        + (table["plan"] == "pro")
        + table["visits"] / 20
        + draw.normal(0, 0.7, len(table))
    )
    return (value > value.median()).astype(int)


def messages(draw, count):
    """One column of texts of 10 to 60 words, some of them much more frequent than others."""
    syllables = np.array(["ba", "de", "fi", "go", "lu", "me", "na", "po", "ri", "sta", "tur", "vel", "wi", "xo", "zen"])
    words = np.array(["".join(syllables[draw.integers(0, len(syllables), 1 + at % 4)]) for at in range(WORDS)])
    frequencies = 1 / np.arange(1, WORDS + 1)
    drawn = [draw.choice(words, draw.integers(10, 61), p=frequencies / frequencies.sum()) for _ in range(count)]
    return pd.DataFrame({"text": objects([" ".join(text) for text in drawn])})


def urgent(table, draw):
    """Something learnable of messages, with noise."""
    value = table["text"].str.count("st") + table["text"].str.count("x") + draw.normal(0, 1, len(table))
    return (value > value.median()).astype(int)


def measurements(draw, count):
    """Twenty numbers a row."""
    return draw.normal(size=(count, 20))


def passes(table, draw):
    """Something learnable of measurements, with noise."""
    return (table[:, 0] + table[:, 1] * table[:, 2] + draw.normal(0, 0.5, len(table)) > 0).astype(int)


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
    """A model of texts, word by word."""
    columns = ColumnTransformer([("words", TfidfVectorizer(), "text")])
    return make_pipeline(columns, LogisticRegression(max_iter=1_000))


CUSTOMERS, MESSAGES, MEASUREMENTS = (customers, pays), (messages, urgent), (measurements, passes)
SERVED = {
    "forest": (CUSTOMERS, lambda: behind_columns(RandomForestClassifier(100, random_state=0))),
    "regression": (CUSTOMERS, lambda: behind_columns(LogisticRegression(max_iter=1_000))),
    "histogram": (CUSTOMERS, histogram),
    "texts": (MESSAGES, words),
    "python": (CUSTOMERS, histogram),
}
# What is served by its own library, as if nothing else could compute it: no ONNX graph is made of it.
IN_PYTHON = "python"
ALONE = {
    "forest-array": (MEASUREMENTS, lambda: RandomForestClassifier(100, random_state=0)),
    "histogram-array": (MEASUREMENTS, lambda: HistGradientBoostingClassifier(random_state=0)),
    "xgboost-array": (MEASUREMENTS, lambda: xgboost.XGBClassifier(n_estimators=100, n_jobs=1)),
    "lightgbm-array": (MEASUREMENTS, lambda: lightgbm.LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1)),
}


def package(name, model, table, made, refused=None):
    """The flavour of a model, packaged into a folder as in a notebook's kernel."""
    path = made.parent / f"{name}.joblib"
    config = {"model_path": path, "output_dir": made, "model_name": name, "declared_version": "1", "run_id": None}
    # As long as it takes: the benchmark is about what comes of it.
    config |= {"tree_root": None, "environment": None, "native_refused": refused, "seconds": 600}
    joblib.dump(model, path)
    answer = mlsys_packager.main(config, {"X_train": table})
    if "error" in answer:
        sys.exit(f"{name}: {answer['error']}")
    print(f"{name}: {answer['manifest']['flavour']}; {' '.join(answer['log'])}", file=sys.stderr)
    return answer["manifest"]["flavour"]


def convert(name, make, table, y, folder):
    """The graph of a model whose texts have pandas' own type, if it answers as the model does."""
    typed = table.astype({column: "str" for column in table.columns if table[column].dtype == object})
    made = folder / f"{name}-converted"
    if package(name, make().fit(typed, y), typed, made, "an ONNX graph is wanted") == "onnx":
        (made / "model.onnx").rename(folder / f"{name}.onnx")


def for_mlflow(model, table, path):
    """The model as MLflow saves it for its own server."""
    signature = mlflow.models.infer_signature(table)
    mlflow.sklearn.save_model(model, path, signature=signature, serialization_format="cloudpickle", pip_requirements=[])


def main(folder):
    """Makes all of them."""
    warnings.simplefilter("ignore")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, ((rows, target), make) in (SERVED | ALONE).items():
        draw = np.random.default_rng(0)
        table, unseen = rows(draw, ROWS), rows(draw, ROWS)
        y = target(table, draw)
        if name in SERVED and name != IN_PYTHON:
            convert(name, make, table, y, folder)
        model = make().fit(table, y)
        flavour = package(name, model, table, folder / name, "its own library is wanted" if name == IN_PYTHON else None)
        if name == IN_PYTHON and flavour != "python":
            sys.exit(f"{name}: it was converted")
        joblib.dump(unseen, folder / f"{name}.rows")
        if name in SERVED:
            for_mlflow(model, table, folder / f"{name}.mlflow")
            bodies.write(unseen, folder / f"{name}.bodies")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
