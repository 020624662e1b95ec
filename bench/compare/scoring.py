"""The same requests to a model-server and to MLflow's own scoring server, over the same packaged models.

    python bench/compare/scoring.py --url http://127.0.0.1:8001 --requests 500 FOLDER…

with a Python that has MLflow, whose server runs in this process. The models of the folders are served at the address; `MLSYS_API_KEY` is
what may ask them. What differs, and is not in `known.py`, is told, and the end is not 0.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent), str(HERE.parents[1] / "worker/python")]
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")  # it tells of each request that it refuses

import known
import numpy as np
import uvicorn
from fastapi import FastAPI
from mlflow.pyfunc import load_model, scoring_server
from mlsys_packager import mlmodel
from rows import GOOD, Model
from servers import free_port, until

JSON, CSV = "application/json", "text/csv"
# Bodies that are none, or of a less usual form, and their content types. ROWS stands for records that are right.
BODIES = [
    ("no body", JSON, ""),
    ("no JSON", JSON, "{"),
    ("JSON that ends too early", JSON, '{"inputs": ['),
    ("a list", JSON, "ROWS"),
    ("a number", JSON, "3"),
    ("null", JSON, "null"),
    ("no key", JSON, "{}"),
    ("another key", JSON, '{"rows": ROWS}'),
    ("two keys", JSON, '{"dataframe_records": ROWS, "inputs": ROWS}'),
    ("keys that mean nothing", JSON, '{"more": [1], "params": {"of": "no signature"}, "dataframe_records": ROWS}'),
    ("text for rows", JSON, '{"instances": "text"}'),
    ("rows that are no objects", JSON, '{"dataframe_records": [1]}'),
    ("one object for records", JSON, '{"dataframe_records": {"a": [1]}}'),
    ("a split without data", JSON, '{"dataframe_split": {"columns": ["a"]}}'),
    ("a list for a split", JSON, '{"dataframe_split": [[1]]}'),
    ("UTF-8 in capitals", "application/json; charset=UTF-8", '{"dataframe_records": ROWS}'),
    ("another charset", "application/json; charset=latin-1", '{"dataframe_records": ROWS}'),
    ("another parameter", "application/json; version=1", '{"dataframe_records": ROWS}'),
    ("another content type", "text/plain", '{"dataframe_records": ROWS}'),
]
# Tables as a split, and as CSV, of less usual forms.
SPLITS = ["a column named twice", "a row too short", "a row too long", "a key of a split that means nothing"]
SHEETS = [
    "CSV without rows",
    "CSV without an end of a quoted value",
    "CSV with a row too long",
    "CSV with a row too short",
    "CSV with an index",
]


def serve(models, at):
    """MLflow's server of the models, as the platform registers them; its address."""
    app = FastAPI()
    for model in models:
        folder = shutil.copytree(model.folder, at / model.folder.name)
        predictions = np.asarray(model.manifest["expected_output"]["predictions"])
        mlmodel.write(folder, model.manifest, None, predictions)
        app.mount(f"/models/{model.name}", scoring_server.init(load_model(str(folder))))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    until(lambda: server.started, "MLflow's server")
    return f"http://127.0.0.1:{port}"


def encoded(dice, value):
    """JSON; NaN for null now and then, as MLflow's own client writes it."""
    text = json.dumps(value)
    return text.replace("null", "NaN") if dice.random() < 0.5 else text


def csv(rows):
    """Rows of a table, as pandas writes them."""

    def field(cell):
        if cell is None:
            return ""
        return '"' + cell.replace('"', '""') + '"' if isinstance(cell, str) else str(cell)

    return "\n".join([",".join(rows.columns), *(",".join(map(field, row)) for row in rows.split())])


def body(dice, rows):
    """The form that rows are sent in, and the body."""
    if rows.array is not None:
        forms = {"inputs": {"inputs": rows.array}, "instances": {"instances": rows.array}}
        if rows.what in (GOOD, "a column is missing", "a column too many"):
            names = [f"c{at}" for at in range(len(rows.array[0]))]
            forms["dataframe_split"] = {"dataframe_split": {"columns": names, "data": rows.array}}
            forms["dataframe_records"] = {"dataframe_records": [dict(zip(names, row, strict=True)) for row in rows.array]}
    else:
        forms = {
            "dataframe_split": {"dataframe_split": {"columns": list(rows.columns), "data": rows.split()}},
            "dataframe_records": {"dataframe_records": rows.records()},
            "instances": {"instances": rows.records()},
            "instances, by column": {"instances": rows.columns},
            "inputs": {"inputs": rows.columns},
            "inputs, by row": {"inputs": rows.records()},
        }
        nested = any(isinstance(cell, (list, dict)) for cells in rows.columns.values() for cell in cells)
        if not nested and dice.random() < 0.2:
            return "CSV", CSV, csv(rows)
    form = dice.choice(list(forms))
    return form, JSON, encoded(dice, forms[form])


def unusual(dice, rows):
    """A body that is none, or of a less usual form: what it is, its content type and text."""
    what, content_type, text = dice.choice(
        [*BODIES, *((what, JSON, None) for what in SPLITS), *((what, CSV, None) for what in SHEETS)]
    )
    if text is not None:
        return what, content_type, text.replace("ROWS", json.dumps(rows.records()))
    if what in SPLITS:
        return what, JSON, json.dumps({"dataframe_split": odd_split(what, list(rows.columns), rows.split())})
    head, *lines = csv(rows).split("\n")
    return what, CSV, odd_sheet(what, head, lines)


def odd_split(what, names, data):
    if what == "a column named twice":
        return {"columns": [*names, names[0]], "data": [[*row, row[0]] for row in data]}
    if what == "a key of a split that means nothing":
        return {"columns": names, "data": data, "more": 1}
    return {"columns": names, "data": [*data, data[0][:-1] if what == "a row too short" else [*data[0], 1]]}


def odd_sheet(what, head, lines):
    if what == "CSV with an index":
        return "\r\n".join(["," + head, *(f"{at},{line}" for at, line in enumerate(lines))])
    return "\n".join(
        {
            "CSV without rows": [head],
            "CSV without an end of a quoted value": [head, '"' + lines[0].replace('"', "")],
            "CSV with a row too long": [head, *lines, lines[0] + ",1"],
            "CSV with a row too short": [head, *lines, lines[0].rpartition(",")[0]],
        }[what]
    )


def request(dice, models):
    """A model, what is unusual about a request for it, its form, content type and body."""
    model = dice.choice(models)
    if model.is_table and dice.random() < 0.15:
        what, content_type, text = unusual(dice, model.good(dice))
        return model, what, "", content_type, text
    rows = model.good(dice) if dice.random() < 0.4 else model.wrong(dice)
    form, content_type, text = body(dice, rows)
    return model, rows.what, form, content_type, text


def ask(url, content_type, text):
    """The status and the text of an answer."""
    headers = {"content-type": content_type}
    if key := os.environ.get("MLSYS_API_KEY"):
        headers["authorization"] = f"Bearer {key}"
    asked = urllib.request.Request(url, text.encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def same(model, ours, theirs):
    """Whether two texts say the same: of classifiers, to the byte."""
    if model.manifest["task"] == "classification":
        return ours == theirs
    said, wanted = json.loads(ours), json.loads(theirs)
    return list(said) == list(wanted) and np.allclose(said["predictions"], wanted["predictions"], rtol=1e-9, atol=1e-9)


def difference(model, ours, theirs):
    """What differs in two answers; nothing if nothing does."""
    if ours[0] != theirs[0]:
        return f"{ours[0]}, not {theirs[0]}"
    if ours[0] == 200:
        return None if same(model, ours[1], theirs[1]) else "other values"
    error = json.loads(ours[1])
    return None if error.keys() == {"error_code", "message"} else "an error of another form"


def compare(dice, models, addresses, count):
    """Sends requests to both, and counts what came out."""
    tally = known.Tally("MLflow's scoring server", known.MLFLOW)
    for _ in range(count):
        model, what, form, content_type, text = request(dice, models)
        ours, theirs = (ask(f"{url}/models/{model.name}/invocations", content_type, text) for url in addresses)
        told = f"{model.name}: {content_type} {text}\n  {ours[1][:300]}\n  {theirs[1][:300]}"
        tally.add((ours[0], theirs[0]), (model.name, what, form), difference(model, ours, theirs), told)
    return tally


def health(models, addresses):
    """Whether both say the same of a model besides its predictions."""
    for path in ("ping", "health", "version"):
        answers = [get(f"{url}/models/{models[0].name}/{path}") for url in addresses]
        if answers[0] != answers[1]:
            yield f"{path}: {answers[0]}, not {answers[1]}"


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.status, answer.headers["content-type"], answer.read()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument("--url", required=True)
    options.add_argument("--requests", type=int, required=True)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    models = [Model(folder) for folder in given.folders]
    with tempfile.TemporaryDirectory(prefix="mlsys-compare-") as at:
        addresses = given.url, serve(models, Path(at))
        tally = compare(random.Random(given.seed), models, addresses, given.requests)
        wrong = [*tally.unknown, *health(models, addresses)]
    print(tally, *wrong, sep="\n")
    few = min(tally.answered, tally.refused) < given.requests // 4
    sys.exit("too few were answered or refused" if few else bool(wrong))


if __name__ == "__main__":
    main()
