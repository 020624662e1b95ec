"""The engines alone, in process and with one thread: mlsys's native one, and the models' own predict. Wants the platform's Python."""

import argparse
import os
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

# Before what counts the processors is imported.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import joblib

MODELS = {
    "forest": "random forest of 100 trees, mixed columns",
    "regression": "logistic regression, mixed columns",
    "histogram": "HistGradientBoosting, mixed columns",
    "texts": "TF-IDF and logistic regression, texts",
    "forest-array": "random forest of 100 trees, array",
    "histogram-array": "HistGradientBoosting, array",
    "xgboost-array": "XGBoost, 100 trees, array",
    "lightgbm-array": "LightGBM, 100 trees, array",
}
SECONDS = 1.0


def answering(name, model):
    """Of rows, the probabilities, by the shortest way that the library has."""
    if name.startswith("xgboost"):
        return model.get_booster().set_param({"nthread": 1}) or model.get_booster().inplace_predict
    if name.startswith("lightgbm"):
        return lambda rows: model.booster_.predict(rows, num_threads=1)
    return model.predict_proba


def best(work):
    """The seconds that the quickest of many takes."""
    times, end = [], time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 3:
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def own(models, name):
    """What the library takes for one row and for a thousand."""
    model, rows = joblib.load(models / f"{name}.joblib"), joblib.load(models / f"{name}.rows")
    answer = answering(name, model)
    return [best(lambda some=rows[:count]: answer(some)) for count in (1, 1_000)]


def native(pace, folder):
    """What the native engine takes for the same."""
    said = subprocess.run([pace, folder], capture_output=True, text=True, check=True, timeout=120).stdout
    one, thousand = re.search(r"1 row ([\d.]+) µs, 1,000 rows ([\d.]+) µs", said).groups()
    return float(one) / 1e6, float(thousand) / 1e6


def main():
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pace", type=Path, required=True, help="the example `pace` of the package native")
    parser.add_argument("--models", type=Path, required=True, help="what models.py made")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print("## The engines alone: mlsys's native one, and scikit-learn's, XGBoost's and LightGBM's own\n")
    print("""In one process, with one thread, without HTTP: the best of a second. The models are those of the predictions over HTTP, and some on arrays of
twenty numbers. The libraries answer probabilities alone, of pandas' tables or numpy's arrays that are there already, by the shortest way that they
have: `predict_proba`, XGBoost's `inplace_predict`, LightGBM's `Booster.predict`. mlsys answers labels and probabilities of typed columns that are
there already, a thousand rows in blocks of 256. `bench/run engines` measures again.
""")
    print(
        "| | mlsys, 1 row, µs | its library, µs | times | mlsys, 1,000 rows, ms | its library, ms | times |\n|---|---|---|---|---|---|---|"
    )
    for name, what in MODELS.items():
        folder = arguments.models / name
        if not (folder / "model.native").exists():
            print(f"{name} is not computed natively", file=sys.stderr)
            continue
        (one, thousand), (their_one, their_thousand) = native(arguments.pace, folder), own(arguments.models, name)
        print(
            f"| {what} | {one * 1e6:,.1f} | {their_one * 1e6:,.0f} | {their_one / one:,.0f} "
            f"| {thousand * 1e3:,.2f} | {their_thousand * 1e3:,.2f} | {their_thousand / thousand:,.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
