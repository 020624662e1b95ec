"""The models that the servers are compared by: fitted, and packaged as a notebook's are.

`python bench/compare/models.py FOLDER`, with the platform's Python. `FOLDER/NAME` is what the packager makes of a model, and what
the peers load. Each computes by a flavour of its own choice, but `flowers`, whose graph is ONNX.
"""

import sys
import warnings
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "worker/python"))
import mlsys_packager

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # as what a notebook defines is
ROWS = 300


def numbers(draw):
    """A regression over an array."""
    rows = draw.normal(size=(ROWS, 4))
    return LinearRegression(), rows, rows @ [1.5, -2.0, 0.5, 3.0] + 10


def truths(draw):
    """Labels that are true and false, over an array of 32 bits."""
    rows = draw.normal(size=(ROWS, 2)).astype("float32")
    return LogisticRegression(), rows, rows[:, 0] > 0


def passengers(draw):
    """Labels that are text, over mixed columns, some of them with gaps."""
    rows = pd.DataFrame(
        {
            "age": draw.uniform(1, 80, ROWS).round(1),
            "fare": draw.uniform(5, 200, ROWS).astype("float32"),
            "class": draw.integers(1, 4, ROWS),
            "sex": draw.choice(["male", "female"], ROWS).astype(object),
            "town": draw.choice(["Southampton", "Cherbourg", "Queenstown"], ROWS).astype(object),
            "alone": draw.choice([True, False], ROWS),
        }
    )
    rows.loc[::7, "age"] = np.nan
    rows.loc[::9, "town"] = np.nan
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "fare", "class"]),
        (text, ["sex", "town"]),
        remainder="passthrough",
    )
    labels = np.where((rows["sex"] == "female") | (rows["class"] == 1), "survived", "died")
    return make_pipeline(columns, RandomForestClassifier(20, random_state=0)), rows, labels


def flowers(draw):
    """Three labels that are text, over two columns."""
    middles = np.repeat([[0, 0], [3, 3], [0, 6]], ROWS // 3, axis=0)
    rows = pd.DataFrame(draw.normal(size=(ROWS, 2)) + middles, columns=["length", "width"])
    return LogisticRegression(), rows, np.repeat(["setosa", "versicolor", "virginica"], ROWS // 3)


def sums(draw):
    """A regression of two outputs."""
    rows = pd.DataFrame({"a": draw.normal(size=ROWS), "b": draw.integers(-9, 9, ROWS)})
    return LinearRegression(), rows, np.stack([rows["a"] + rows["b"], rows["a"] - 2 * rows["b"]], axis=1)


def moments(frame):
    """The months and hours of moments."""
    return pd.DataFrame({"month": frame["opened"].dt.month, "hour": frame["opened"].dt.hour})


def visits(draw):
    """A regression over whole numbers of both lengths, truths and moments."""
    rows = pd.DataFrame(
        {
            "count": draw.integers(0, 40, ROWS).astype("int32"),
            "account": draw.integers(0, 1 << 40, ROWS),
            "member": draw.choice([True, False], ROWS),
            "opened": pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 9_000, ROWS), "h"),
        }
    )
    columns = make_column_transformer(
        (FunctionTransformer(moments), ["opened"]), (StandardScaler(), ["count", "account"]), remainder="passthrough"
    )
    return make_pipeline(columns, Ridge()), rows, rows["count"] + 5.0 * rows["member"] + rows["opened"].dt.month


def mails(draw):
    """Labels that are numbers, over text."""
    words = ["offer", "meeting", "prize", "report", "free", "minutes", "winner", "agenda"]
    texts = [" ".join(draw.choice(words, 4)) for _ in range(ROWS)]
    rows = pd.DataFrame({"text": pd.Series(texts, dtype=object)})
    labels = [int(any(word in text for word in ("offer", "prize"))) for text in texts]
    return make_pipeline(make_column_transformer((TfidfVectorizer(), "text")), LogisticRegression()), rows, labels


def boosted(draw):
    """Labels that are numbers, over numbers with gaps."""
    rows = pd.DataFrame({"a": draw.normal(size=ROWS), "b": draw.integers(0, 9, ROWS)})
    rows.loc[::5, "a"] = np.nan
    return HistGradientBoostingClassifier(max_iter=10), rows, rows["b"] % 3


def main(folder):
    """Makes all of them."""
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    for make in (numbers, truths, passengers, flowers, sums, visits, mails, boosted):
        name = make.__name__
        model, rows, target = make(np.random.default_rng(0))
        path = folder / f"{name}.joblib"
        joblib.dump(model.fit(rows, target), path)
        config = {
            "model_path": path,
            "output_dir": folder / name,
            "model_name": name,
            "declared_version": "1",
            "run_id": None,
        }
        config |= {
            "tree_root": None,
            "environment": None,
            "native_refused": "it is compared by its ONNX form" if name == "flowers" else None,
        }
        answer = mlsys_packager.main(config, {"X_train": rows})
        if "error" in answer:
            sys.exit(f"{name}: {answer['error']}")
        print(f"{name}: {answer['manifest']['flavour']}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
