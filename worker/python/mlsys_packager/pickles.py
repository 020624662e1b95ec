"""Reading the model the notebook wrote, and writing it so that it can be read where the notebook is not."""

import hashlib
import os
import sys
from importlib import metadata
from pathlib import Path

import cloudpickle

from . import adapter
from .errors import PackagingError, brief

DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "cv2": "opencv-python",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "imblearn": "imbalanced-learn",
}


def load(path):
    """What is in `path`, which the export cell wrote."""
    if path.is_dir():
        what = "an MLflow model's folder" if (path / "MLmodel").is_file() else "a folder"
        raise PackagingError(
            f"The export cell made {what} of MODEL_OUTPUT_PATH, which is to be a file. End it with joblib.dump(model, "
            "MODEL_OUTPUT_PATH): the model itself, or a PythonModel; mlsys makes an MLflow model of it."
        )
    if not path.is_file():
        raise PackagingError("The export cell did not write the model. End it with joblib.dump(model, MODEL_OUTPUT_PATH).")
    try:
        import joblib

        return joblib.load(path)
    except Exception as error:
        # Unpickling runs code of any kind, so it fails in any way.
        raise PackagingError(
            f"The file at MODEL_OUTPUT_PATH cannot be read as a pickle ({brief(error)}). "
            "Write it with joblib.dump(model, MODEL_OUTPUT_PATH)."
        ) from error


class _Recorder(cloudpickle.Pickler):
    """A pickler that notes which packages the model's parts come from."""

    def __init__(self, file):
        super().__init__(file)
        self.packages = set()

    def reducer_override(self, value):
        kind = value if isinstance(value, type) else type(value)
        self.packages.add(str(getattr(kind, "__module__", "")).split(".")[0])
        return super().reducer_override(value)


def write(model, path, tree_root):
    """Pickles `model`, its notebook's and its repository's own code inside; the versions of the packages it needs."""
    own = [module for module in list(sys.modules.values()) if _is_own(module, tree_root)]
    for module in [*own, adapter]:
        cloudpickle.register_pickle_by_value(module)
    try:
        with path.open("wb") as file:
            recorder = _Recorder(file)
            recorder.dump(model)
    except Exception as error:
        raise PackagingError(
            f"The model cannot be pickled ({brief(error)}). "
            "Keep open files, connections and locks out of the exported estimator."
        ) from error
    finally:
        for module in [*own, adapter]:
            cloudpickle.unregister_pickle_by_value(module)
    return _versions(recorder.packages)


def _is_own(module, tree_root):
    file = getattr(module, "__file__", None) or ""
    inside = tree_root is not None and file.startswith(f"{tree_root}{os.sep}")
    return inside and module.__name__ != "__main__" and not {"site-packages", "dist-packages"} & set(Path(file).parts)


def _versions(packages):
    found = {}
    for package in {*packages, "sklearn", "numpy", "cloudpickle", "pandas", "scipy"}:
        for name in _distribution_names(package):
            try:
                found[name] = metadata.version(name)
                break
            except (metadata.PackageNotFoundError, ValueError):
                continue
    return dict(sorted(found.items()))


def _distribution_names(package):
    return [DISTRIBUTIONS.get(package, package), f"{package}-cpu"]


def digest(path):
    """A file's entry in the manifest."""
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size": path.stat().st_size}
