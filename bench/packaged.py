"""Packaging and verifying alone: seconds, and memory beyond what was taken before. Wants the platform's Python."""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "notebooks/titanic-survival-example.ipynb"
NODES = 2_000_000
CASES = {
    "titanic": "the Titanic example",
    "forest": f"a random forest of {NODES / 1e6:.0f} million nodes, on an array",
}


def titanic(file):
    """The notebook's variables, after its cells have run."""
    variables = {"MODEL_OUTPUT_PATH": str(file)}
    os.chdir(EXAMPLE.parent)
    for cell in json.loads(EXAMPLE.read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), variables)
    return variables


def forest(file):
    """The variables of a notebook that has fitted a large forest."""
    import joblib
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    draw = np.random.default_rng(0)
    X = draw.normal(size=(20_000, 10))
    y = (X[:, 0] + draw.normal(size=len(X)) > 0).astype(int)
    model = RandomForestClassifier(1, random_state=0, warm_start=True).fit(X, y)
    while (nodes := sum(tree.tree_.node_count for tree in model.estimators_)) < NODES:
        model.set_params(n_estimators=model.n_estimators + 1 + int((NODES - nodes) / nodes * model.n_estimators)).fit(X, y)
    joblib.dump(model.set_params(warm_start=False), file)
    return {"X": X, "y": y, "model": model}


def memory(what, process="self"):
    """What a process takes now (`VmRSS`), or took at most (`VmHWM`), in MiB."""
    return int(re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())[1]) / 1024


def package(case, folder):
    """Packages a model as in a notebook's kernel; says what it took."""
    warnings.simplefilter("ignore")
    file = folder / "model.pkl"
    variables = {"titanic": titanic, "forest": forest}[case](file)
    sys.path.insert(0, str(ROOT / "worker/python"))
    config = {"model_path": file, "output_dir": folder / "made", "model_name": case, "declared_version": "1", "run_id": None}
    config |= {"tree_root": None, "environment": None}
    # From here on, the most is counted anew.
    Path("/proc/self/clear_refs").write_text("5")
    before, begun = memory("VmRSS"), time.monotonic()
    # The packager's imports are a part: a kernel imports it anew for each run.
    import mlsys_packager

    answer = mlsys_packager.main(config, variables)
    seconds, mib = time.monotonic() - begun, memory("VmHWM") - before
    if "error" in answer:
        sys.exit(f"{case}: {answer['error']}")
    print(" ".join(answer["log"]), file=sys.stderr)
    return {"flavour": answer["manifest"]["flavour"], "packaged_s": seconds, "packaged_mib": mib}


def verify(program, made):
    """Verifies what was packaged, as a worker does; what it took."""
    begun = time.monotonic()
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write(f"{made}\n")
        process.stdin.flush()
        said, seconds = process.stdout.readline(), time.monotonic() - begun
        if not said.startswith("ok "):
            sys.exit(f"{made}: {said}")
        # It waits for the next folder.
        return {"verified_s": seconds, "verified_mib": memory("VmHWM", process.pid)}


def measure(case, program):
    """One packaging and its verification, the first in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="mlsys-bench-") as folder:
        command = [sys.executable, __file__, "--case", case, "--folder", folder]
        done = json.loads(
            subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600).stdout.splitlines()[-1]
        )
        made = Path(folder) / "made"
        if done["flavour"] != "native":
            sys.exit(f"{case} is packaged as {done['flavour']}: there is nothing to verify")
        done |= verify(program, made)
        return done | {"mb": (made / "model.native").stat().st_size / 1e6}


def main():
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verify", type=Path, help="the example `verify` of the package native")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", choices=CASES, help="only package this, in a folder")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(package(arguments.case, arguments.folder)))
        return
    program = arguments.verify.absolute()
    print("## Packaging: a fitted model as what is served\n")
    print(f"""The packager as in the kernel of the notebook, whose variables it finds, and the verification by which a worker compares the native graph
with the estimator's own answers. Seconds, and the most memory beyond what the process took before; of the verification, all that
its process takes. Medians of {arguments.rounds} rounds. `bench/run packaging` measures again.
""")
    print("| | native graph MB | packaged s | MiB | verified s | MiB |\n|---|---|---|---|---|---|")
    for case, what in CASES.items():
        rounds = [measure(case, program) for _ in range(arguments.rounds)]
        figure = {name: statistics.median(one[name] for one in rounds) for name in rounds[0] if name != "flavour"}
        print(
            f"| {what} | {figure['mb']:.1f} | {figure['packaged_s']:.2f} | {figure['packaged_mib']:.0f} "
            f"| {figure['verified_s']:.2f} | {figure['verified_mib']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
