"""Makes MLflow log to the pipeline's run, whatever server, experiment or run the notebook names."""

import functools
import importlib.machinery
import os
import sys

# The tag of runs that MLflow starts by itself around a `fit`.
AUTOLOGGING = "mlflow.autologging"
# MLflow's own would wait some minutes for a server that isn't there.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}


def join_mlflow_run(joined, tracking_uri):
    """Makes MLflow log to this run all along: by itself it resumes the run of MLFLOW_RUN_ID once, and only in its experiment."""
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    server = Server(tracking_uri)
    patches = {
        "mlflow.tracking.fluent": lambda fluent: patch_fluent(fluent, joined, server),
        "mlflow.tracking._tracking_service.utils": server.patch_tracking,
        "mlflow.tracking._model_registry.utils": server.patch_registry,
        "mlflow.tracking.client": lambda module: server.patch_client(module, joined),
        "mlflow.sklearn": serialize_as_pickle,
        "mlflow.lightgbm": serialize_as_pickle,
    }
    for name, patch in patches.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sys.meta_path.insert(0, PatchingFinder(patches))


class PatchingFinder:
    """Patches modules when they are imported, before other modules copy their functions."""

    def __init__(self, patches):
        self.patches = patches

    def find_spec(self, name, path=None, target=None):
        patch = self.patches.get(name)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target) if patch else None
        if spec:
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                patch(module)

            spec.loader.exec_module = exec_module
        return spec


def say(what):
    print(what, file=sys.stderr)


def serialize_as_pickle(flavor):
    """MLflow's default, skops, refuses models of types that it does not know; a notebook's model is its own."""
    if hasattr(flavor, "_get_default_serialization_format"):
        flavor._get_default_serialization_format = lambda: "cloudpickle"


def replace(module, name, function):
    """Replaces a function of a module, and its copies in the modules that offer it to notebooks."""
    setattr(module, name, function)
    for copy in ("mlflow.tracking", "mlflow"):
        if copy in sys.modules:
            setattr(sys.modules[copy], name, function)


def from_mlflow_itself():
    return str(sys._getframe(2).f_globals.get("__name__")).partition(".")[0] == "mlflow"


def keep(client, name, kept):
    """Has a client delete anything but what the pipeline still needs."""
    delete = getattr(client, name)

    @functools.wraps(delete)
    def unless_kept(this, *what, **named):
        if kept in (*what, *named.values()):
            return say(f"{name}: nothing is deleted, as the pipeline still needs it")
        return delete(this, *what, **named)

    setattr(client, name, unless_kept)


class Server:
    """The pipeline's tracking server, which stays the one that the notebook uses."""

    def __init__(self, uri):
        self.uri = uri

    def is_other(self, uri):
        return self.uri is not None and str(uri) != self.uri

    def patch_tracking(self, utils):
        set_uri = utils.set_tracking_uri
        utils._tracking_uri = self.uri  # from here on, MLFLOW_TRACKING_URI counts no more

        @functools.wraps(set_uri)
        def set_tracking_uri(uri):
            if from_mlflow_itself() or not self.is_other(uri):
                return set_uri(uri)
            say("set_tracking_uri: this run stays with the pipeline's MLflow server")

        replace(utils, "set_tracking_uri", set_tracking_uri)

    def patch_registry(self, utils):
        set_uri = utils.set_registry_uri
        utils._registry_uri = self.uri

        @functools.wraps(set_uri)
        def set_registry_uri(uri):
            if from_mlflow_itself() or not self.is_other(uri):
                return set_uri(uri)
            say("set_registry_uri: this run stays with the pipeline's MLflow server")

        replace(utils, "set_registry_uri", set_registry_uri)

    def patch_client(self, module, joined):
        client = module.MlflowClient
        keep(client, "delete_run", joined)
        keep(client, "delete_experiment", os.environ.get("MLFLOW_EXPERIMENT_ID"))
        init = client.__init__

        @functools.wraps(init)
        def __init__(this, tracking_uri=None, registry_uri=None, *others, **named):
            if not from_mlflow_itself() and any(
                uri is not None and self.is_other(uri) for uri in (tracking_uri, registry_uri)
            ):
                say("MlflowClient: this client stays with the pipeline's MLflow server")
                tracking_uri = registry_uri = None
            init(this, tracking_uri, registry_uri, *others, **named)

        client.__init__ = __init__

    def hold(self):
        """Says that a tracking server named in the environment does not count."""
        if self.is_other(os.environ.get("MLFLOW_TRACKING_URI")):
            say("MLFLOW_TRACKING_URI: this run stays with the pipeline's MLflow server")
            os.environ["MLFLOW_TRACKING_URI"] = self.uri


def patch_fluent(fluent, joined, server):
    start, switch = fluent.start_run, fluent.set_experiment
    resumed = False

    def resume():
        server.hold()
        os.environ["MLFLOW_RUN_ID"] = joined  # MLflow removes it whenever it starts or ends a run
        return start()

    @functools.wraps(start)
    def start_run(run_id=None, experiment_id=None, run_name=None, nested=False, parent_run_id=None, **others):
        """The first run that a notebook starts is ours; later ones, as in a search over parameters, are its children."""
        nonlocal resumed
        server.hold()
        if not (run_id or nested or parent_run_id or fluent.active_run()):
            automatic = AUTOLOGGING in (others.get("tags") or ())
            if automatic or not resumed:
                os.environ["MLFLOW_RUN_ID"] = joined
            else:
                os.environ.pop("MLFLOW_RUN_ID", None)
                experiment_id, parent_run_id = None, joined
            resumed = resumed or not automatic
        return start(run_id, experiment_id, run_name, nested, parent_run_id, **others)

    @functools.wraps(switch)
    def set_experiment(*_, **__):
        experiment = fluent.get_experiment(fluent.get_run(joined).info.experiment_id)
        say(f"set_experiment: this run stays in the pipeline's experiment {experiment.name!r}")
        return experiment

    # What is logged outside of any run is logged to ours.
    fluent._get_or_start_run = lambda: fluent.active_run() or resume()
    replace(fluent, "start_run", start_run)
    replace(fluent, "set_experiment", set_experiment)
