"""Trains small models and packages each as a version's folder: `python packaged.py TARGET`."""

import ctypes
import hashlib
import json
import os
import signal
import socket
import sys
import time

import cloudpickle
import numpy as np
import pandas as pd
import sklearn
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TARGET = sys.argv[1]
RANDOM = np.random.default_rng(7)


def package(folder, model, signature, rows, *, name=None, task="classification", converted=None, graph=None, **changes):
    """Writes `model.pkl`, perhaps `model.onnx`, and `metadata.json`."""
    path = os.path.join(TARGET, folder)
    os.makedirs(path)
    with open(os.path.join(path, "model.pkl"), "wb") as file:
        cloudpickle.dump(model, file)
    if graph is not None:
        with open(os.path.join(path, "model.onnx"), "wb") as file:
            file.write(graph.SerializeToString())
    if isinstance(rows, pd.DataFrame):
        data = rows.astype(object).where(rows.notna(), None).values.tolist()
        example = {"columns": list(rows.columns), "data": data}
    else:
        example = {"inputs": rows.tolist()}
    expected = {"predictions": np.asarray(model.predict(rows)).tolist()}
    if hasattr(model, "predict_proba"):
        expected["probabilities"] = model.predict_proba(rows).tolist()
    files = {}
    for file_name in sorted(os.listdir(path)):
        content = open(os.path.join(path, file_name), "rb").read()
        files[file_name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    manifest = {
        "format": 1,
        "model_name": name or folder,
        "declared_version": "1.0",
        "task": task,
        "classes": np.asarray(model.classes_).tolist() if task == "classification" else None,
        "signature": signature,
        "flavour": "python" if graph is None else "onnx",
        "onnx": converted,
        "input_example": example,
        "expected_output": expected,
        "files": files,
        "environment": None,
        "python_version": sys.version.split()[0],
        "libraries": {"scikit-learn": sklearn.__version__},
    }
    manifest.update(changes)
    with open(os.path.join(path, "metadata.json"), "w") as file:
        json.dump(manifest, file)


def converted(layout, output, probabilities=None, missing_string=None):
    """The manifest's part about the graph."""
    return {
        "variant": "fixture",
        "layout": layout,
        "output": output,
        "probabilities": probabilities,
        "missing_string": missing_string,
        "rows_verified": 4,
        "max_difference": 0.0,
    }


def column(name, kind, *, required=True, nullable=False):
    """A column of a signature."""
    return {"name": name, "type": kind, "required": required, "nullable": nullable}


def titanic():
    """A binary classifier over mixed columns, some of them missing, in two versions that disagree."""
    size = 300
    rows = pd.DataFrame(
        {
            "Age": RANDOM.uniform(1, 80, size),
            "Fare": RANDOM.uniform(5, 200, size).astype("float32"),
            "Pclass": RANDOM.integers(1, 4, size),
            "Sex": RANDOM.choice(["male", "female"], size),
            "Embarked": RANDOM.choice(["S", "C", "Q"], size).astype(object),
            "Alone": RANDOM.choice([True, False], size),
        }
    )
    rows.loc[::7, "Age"] = np.nan
    rows.loc[::9, "Embarked"] = "missing"
    survived = ((rows["Sex"] == "female") | (rows["Pclass"] == 1)).astype(int)
    signature = {
        "kind": "columns",
        "columns": [
            column("Age", "double", nullable=True),
            column("Fare", "float"),
            column("Pclass", "long"),
            column("Sex", "string"),
            column("Embarked", "string", required=False, nullable=True),
            column("Alone", "boolean"),
        ],
    }
    for version, strength in ((1, 1.0), (2, 0.001)):
        features = ColumnTransformer(
            [
                ("age", make_pipeline(SimpleImputer(), StandardScaler()), ["Age"]),
                ("numbers", StandardScaler(), ["Fare", "Pclass"]),
                ("text", OneHotEncoder(handle_unknown="ignore"), ["Sex", "Embarked"]),
                ("truth", OneHotEncoder(handle_unknown="ignore"), ["Alone"]),
            ]
        )
        model = make_pipeline(features, LogisticRegression(C=strength)).fit(rows, survived)
        graph = to_onnx(
            model,
            initial_types=[
                ("Age", FloatTensorType([None, 1])),
                ("Fare", FloatTensorType([None, 1])),
                ("Pclass", Int64TensorType([None, 1])),
                ("Sex", StringTensorType([None, 1])),
                ("Embarked", StringTensorType([None, 1])),
                ("Alone", Int64TensorType([None, 1])),
            ],
            options={"zipmap": False},
        )
        example = rows.head(8)
        package(
            f"titanic-{version}",
            model,
            signature,
            example,
            name="titanic",
            graph=graph,
            converted=converted("columns", "label", "probabilities", "missing"),
        )


def flowers():
    """Text labels, columns fed as one matrix of 32-bit floats."""
    names = ["length", "width"]
    rows = pd.DataFrame(RANDOM.normal(size=(150, 2)) + np.repeat([[0, 0], [3, 3], [0, 6]], 50, axis=0), columns=names)
    kinds = np.repeat(["setosa", "versicolor", "virginica"], 50)
    model = LogisticRegression().fit(rows, kinds)
    graph = to_onnx(model, initial_types=[("X", FloatTensorType([None, 2]))], options={"zipmap": False})
    signature = {"kind": "columns", "columns": [column(name, "double") for name in names]}
    package(
        "flowers", model, signature, rows.iloc[::40], graph=graph, converted=converted("matrix", "label", "probabilities")
    )


def prices():
    """A regression over an array."""
    rows = RANDOM.normal(size=(100, 3))
    model = LinearRegression().fit(rows, rows @ [1.5, -2.0, 0.5] + 10)
    graph = to_onnx(model, initial_types=[("X", DoubleTensorType([None, 3]))])
    signature = {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, 3]}}
    # The second one for a test that counts what is asked of it.
    for name in ("prices", "counted"):
        package(name, model, signature, rows[:5], task="regression", graph=graph, converted=converted("matrix", "variable"))


def truths():
    """Labels that are true and false."""
    rows = RANDOM.normal(size=(100, 2))
    model = LogisticRegression().fit(rows, rows[:, 0] > 0)
    graph = to_onnx(model, initial_types=[("X", FloatTensorType([None, 2]))], options={"zipmap": False})
    signature = {"kind": "tensor", "tensor": {"dtype": "float32", "shape": [-1, 2]}}
    package(
        "truths",
        model,
        signature,
        rows[:5].astype("float32"),
        graph=graph,
        converted=converted("matrix", "label", "probabilities") | {"missing_numbers": False},
    )


def boosted():
    """A model that has no ONNX form."""
    rows = pd.DataFrame({"a": RANDOM.normal(size=200), "b": RANDOM.integers(0, 9, 200)})
    rows.loc[::5, "a"] = np.nan
    model = HistGradientBoostingClassifier(max_iter=10).fit(rows, np.where(rows["b"] > 4, "high", "low"))
    signature = {"kind": "columns", "columns": [column("a", "double", nullable=True), column("b", "long")]}
    package("boosted", model, signature, rows.head(6))


class Moody:
    """Does as its input says: what a model in a process of its own may do to its server."""

    def predict(self, rows):
        """The sum of each row, unless the first number is a command."""
        command = rows[0][0]
        self.asked = getattr(self, "asked", 0) + 1
        print("models print", flush=True)
        if command == -1:
            os._exit(3)
        if command == -2:
            time.sleep(600)
        if command == -3:
            return [float("INTERNAL_TOKEN" in os.environ), float(os.getpgid(0) == os.getpid()), float(os.getpid())]
        if command == -4:
            open("/dev/null").read()
            time.sleep(1)
        if command == -5:
            time.sleep(0.5)
            return [float(os.getpid())] * len(rows)
        if command == -6:
            return [float(self.asked)]
        return rows.sum(axis=1)


class Hostile:
    """Does harm as its input says, as far as it can."""

    def predict(self, rows):
        """The sum of each row, unless the first number is a command."""
        act = {-1: self.crash, -2: self.sleep, -3: self.eat, -4: self.fork, -5: self.babble, -6: self.close, -7: self.kill}
        act.get(rows[0][0], len)(rows)
        if rows[0][0] == -8:
            return [float(len(self.reached()))] * len(rows)
        return rows.sum(axis=1)

    def crash(self, rows):
        """Reads where nothing is."""
        ctypes.string_at(0)

    def sleep(self, rows):
        """For ever."""
        while True:
            time.sleep(600)

    def eat(self, rows):
        """All memory."""
        held = []
        while True:
            held.append(b"x" * (64 << 20))
            time.sleep(0.01)

    def fork(self, rows):
        """As often as it may."""
        while True:
            os.fork()

    def babble(self, rows):
        """Into whatever is open."""
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, b"babble" * 1000)
            except OSError:
                pass

    def close(self, rows):
        """Whatever is open."""
        os.closerange(0, 64)

    def others(self):
        """The numbers of all processes but this one."""
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]

    def kill(self, rows):
        """Everybody else, and then itself."""
        for number in [os.getppid(), *self.others(), -1, 0, -os.getppid()]:
            try:
                os.kill(number, signal.SIGKILL)
            except OSError:
                pass
        os.kill(os.getpid(), signal.SIGKILL)

    def nothing(self):
        """What is open, and has nothing: the system's own threads have no memory."""
        raise OSError

    def reached(self):
        """What it can see of others, or be met by."""
        home = os.environ["HOME"]
        others = [
            f"/proc/{number}/{part}" for number in self.others() for part in ("environ", "mem", "maps", "fd/3", "cwd/x")
        ]
        paths = [*others, "/dev/shm/met", f"{home}/../met", "/etc/shadow"]
        attempts = [lambda path=path: open(path, "rb", buffering=0).read(1) or self.nothing() for path in paths]
        attempts += [lambda path=path: open(path, "wb", buffering=0).write(b"x") or self.nothing() for path in paths]
        attempts += [lambda number=number: os.kill(number, 0) for number in self.others()]
        attempts += [lambda: os.listdir(os.path.dirname(home)), socket.socket, lambda: socket.socket(socket.AF_UNIX)]
        attempts += [lambda: os.execv("/bin/true", ["true"]), lambda: os.setpriority(os.PRIO_USER, 0, 19)]
        reached = []
        for number, attempt in enumerate(attempts):
            try:
                attempt()
                reached.append(number)
            except OSError:
                pass
        return reached


class Slow(BaseEstimator):
    """An estimator that takes its time for a call, however many rows it is about, and counts the calls."""

    def __init__(self):
        self.calls = 0

    def predict(self, rows):
        """The sum of each row, or how many calls there were; it refuses, or dies of, some rows."""
        self.calls += 1
        time.sleep(0.2)
        if (rows[:, 0] == -1).any():
            raise ValueError("it refuses")
        if (rows[:, 0] == -2).any():
            os._exit(3)
        if (rows[:, 0] == -3).any():
            time.sleep(600)
        return np.where(rows[:, 0] == -4, float(self.calls), rows.sum(axis=1))


def moody():
    """Regressions by [`Moody`], [`Hostile`] and [`Slow`]."""
    rows = np.arange(6.0).reshape(3, 2)
    signature = {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, 2]}}
    for name, model in (("moody", Moody()), ("hostile", Hostile()), ("slow", Slow())):
        package(name, model, signature, rows, task="regression")


class Telling:
    """Answers in forms of its own."""

    def predict(self, rows):
        """An object for each row."""
        return [{"sum": row.sum(), "big": bool(row[0] > 2), "parts": row.tolist(), "none": float("nan")} for row in rows]


class Doubling:
    """What a transformer is packaged as."""

    def predict(self, rows):
        """Each row's numbers, twice as large."""
        return rows * 2


def rows_into_others():
    """A function's objects, and a transformer's rows."""
    rows = np.arange(6.0).reshape(3, 2)
    signature = {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, 2]}}
    said = [{**one, "none": None} for one in Telling().predict(rows)]
    package("telling", Telling(), signature, rows, task="transformation", expected_output={"predictions": said})
    package("doubling", Doubling(), signature, rows, task="transformation", columns=["twice x", "twice y"])
    said[1]["parts"][1] += 0.1
    package("mistelling", Telling(), signature, rows, task="transformation", expected_output={"predictions": said})


def wrong():
    """Packages that must not be served."""
    rows = np.arange(6.0).reshape(3, 2)
    signature = {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, 2]}}
    good = {"signature": signature, "rows": rows, "task": "regression", "name": "wrong"}
    package("fails-self-test", Moody(), **good, expected_output={"predictions": [1.0, 5.0, 9.1]})
    package("foreign", Moody(), **{**good, "name": "other"})
    package("no-graph", Moody(), **good, flavour="onnx")
    package("no-environment", Moody(), **good, environment="absent")
    package("climbing-environment", Moody(), **good, environment="../../python")
    package("unstartable", Moody(), **good)
    path = os.path.join(TARGET, "unstartable")
    with open(os.path.join(path, "model.pkl"), "wb") as file:
        file.write(b"no pickle")
    manifest = json.load(open(os.path.join(path, "metadata.json")))
    manifest["files"]["model.pkl"] = {"sha256": hashlib.sha256(b"no pickle").hexdigest(), "size": 9}
    json.dump(manifest, open(os.path.join(path, "metadata.json"), "w"))


for make in (titanic, flowers, prices, truths, boosted, moody, rows_into_others, wrong):
    make()
