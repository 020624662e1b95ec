"""Has joblib write the notebook's model though plain pickle cannot, as one with a lambda: as cloudpickle does, by value."""

import functools
import os
import pickle
import sys


def pickle_by_value():
    """Makes joblib do so, now or when it is imported."""
    patches = {"joblib.numpy_pickle": patch_joblib}
    for name, patch in patches.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sys.meta_path.insert(0, PatchingFinder(patches))


def patch_joblib(module):
    dump = module.dump

    @functools.wraps(dump)
    def dump_by_value(value, filename, *how, **named):
        try:
            return dump(value, filename, *how, **named)
        except (pickle.PicklingError, AttributeError, TypeError):
            if not is_model(filename):
                raise
            try:
                import cloudpickle

                whole = cloudpickle.dumps(value)
            except Exception:
                whole = None  # it cannot be pickled at all: the first error says why
            if whole is None:
                raise
        with open(filename, "wb") as file:
            file.write(whole)
        return [str(filename)]

    module.dump = dump_by_value
    if "joblib" in sys.modules and hasattr(sys.modules["joblib"], "dump"):
        sys.modules["joblib"].dump = dump_by_value


def is_model(filename):
    model = shell.user_ns.get("MODEL_OUTPUT_PATH")
    if not isinstance(filename, (str, os.PathLike)) or not isinstance(model, str):
        return False
    return os.path.abspath(filename) == os.path.abspath(model)
