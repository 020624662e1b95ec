"""Starts one kernel for mlsys, and stays in it as the module `_mlsys_kernel`.

Arguments: the connection file, then the modules to import ahead.
Standard input is a leash: when its other end closes, however that happens, the process group is killed.
Standard output gets one byte when the kernel answers; what is written there later goes to the log.

The files beside this one follow it in the same module; then comes a call of `main`.
"""

import gc

gc.disable()  # importing makes little garbage and many allocations

import atexit
import faulthandler
import fcntl
import functools
import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
import time
import traceback
import types

exit_now = os._exit


def hold_leash():
    leash = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def wait():
        while os.read(leash, 1):
            pass
        os.killpg(0, signal.SIGKILL)

    # The system sends the signal as well, because native code in a cell may hold the interpreter lock for long.
    fcntl.fcntl(leash, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(leash, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(leash, fcntl.F_SETFL, fcntl.fcntl(leash, fcntl.F_GETFL) | os.O_ASYNC)
    # The thread notices a leash that was let go before the lines above.
    threading.Thread(target=wait, name="leash", daemon=True).start()


def import_kernel_app():
    """Imports the kernel without the parts of jupyter_client that only clients use; they cost a fifth of the start."""
    spec = importlib.util.find_spec("jupyter_client")
    hollow = types.ModuleType("jupyter_client")
    hollow.__path__ = list(spec.submodule_search_locations if spec else [])
    hollow.__spec__ = spec
    hollow.BlockingKernelClient = type("BlockingKernelClient", (), {})

    def load_all(name):
        # A version of ipykernel that needs more than expected gets the whole.
        sys.modules.pop("jupyter_client", None)
        return getattr(importlib.import_module("jupyter_client"), name)

    hollow.__getattr__ = load_all
    sys.modules["jupyter_client"] = hollow
    sys.modules["debugpy"] = None
    from jupyter_client.connect import write_connection_file

    hollow.write_connection_file = write_connection_file
    from ipykernel.kernelapp import IPKernelApp

    return IPKernelApp


def main():
    global shell, private
    hold_leash()
    ready = os.dup(1)
    os.dup2(2, 1)
    # A crash in native code leaves its traceback in the log, which the kernel's own streams cannot reach.
    faulthandler.enable(os.dup(2), all_threads=False)
    connection_file, *preload = sys.argv[1:]
    private = os.path.dirname(connection_file)
    sys.argv[:] = ["ipykernel_launcher.py"]
    sys.modules["_mlsys_kernel"] = sys.modules["__main__"]

    app_class = import_kernel_app()
    import zmq
    from traitlets.config import Config

    class KernelApp(app_class):
        def init_iopub(self, context):
            # A publisher drops messages over its high-water mark; outputs must not get lost.
            context.setsockopt(zmq.SNDHWM, 0)
            super().init_iopub(context)

        def write_connection_file(self, **_):
            pass  # it is there already, and whole

    config = Config()
    config.HistoryManager.enabled = False
    config.KernelApp.log_level = 50
    app = KernelApp.instance(config=config, connection_file=connection_file)
    app.initialize([])
    shell = app.shell
    shield(app)
    say_goodbye(app)
    # From here on, a notebook that imports them gets the real ones.
    del sys.modules["debugpy"], sys.modules["jupyter_client"]
    for name in preload:
        try:
            importlib.import_module(name)
        except Exception:
            pass  # not installed, or broken: the cell that imports it will say so
    gc.freeze()  # what is there now stays: collecting need not look at it again
    gc.enable()
    os.write(ready, b"+")
    os.close(ready)
    app.start()
    leave(app)


def leave(app):
    """Ends the process as Python would, but leaves taking the modules apart to the system, which is much quicker."""
    # The control thread may still flush the streams; closing their thread first would keep it waiting for 10 s.
    if app.control_thread.is_alive():
        app.control_thread.stop()
        app.control_thread.join(2)
    threading._shutdown()
    atexit._run_exitfuncs()
    shell.user_ns.clear()  # closes the notebook's open files
    gc.collect()
    exit_now(0)


def say_goodbye(app):
    """Makes `os._exit`, which leaves no time to send anything, wait until what was printed before it has arrived: then
    there is a file `let-go` beside the connection file."""
    kernel, let_go = os.getpid(), os.path.join(os.path.dirname(app.abs_connection_file), "let-go")

    @functools.wraps(exit_now)
    def leave_at_once(status):
        try:
            if os.getpid() == kernel:
                flush_streams()
                app.session.send(app.iopub_thread, "leaving", {})
                end = time.monotonic() + 1
                while not os.path.exists(let_go) and time.monotonic() < end:
                    time.sleep(0.005)
        finally:
            exit_now(status)

    os._exit = leave_at_once


class Answer:
    """What a call returned, in the form that `user_expressions` carries as JSON."""

    def __init__(self, value):
        self.value = value

    def _repr_mimebundle_(self, **_):
        return {"application/json": self.value}


def call(name, arguments):
    """Runs one of the functions below; `answer` then holds what it returned or the traceback of its failure."""
    global answer
    answer = Answer({"error": "interrupted"})
    with own_streams():
        try:
            function = {"prepare": prepare, "assign": assign, "numbers": numbers, "run_private": run_private}[name]
            value = function(**json.loads(arguments))
            answer = Answer({"ok": json.loads(json.dumps(value, allow_nan=False))})
        except BaseException:
            answer = Answer({"error": traceback.format_exc()})
        flush_streams()


def prepare(directory, import_root, library, environment, variables):
    os.environ.update(environment)
    os.chdir(directory)
    use_own_tools(private, library)
    sys.path.extend(folder for folder in (import_root, library) if folder and folder not in sys.path)
    if run_id := environment.get("MLFLOW_RUN_ID"):
        join_mlflow_run(run_id, environment.get("MLFLOW_TRACKING_URI"))
    pickle_by_value()
    assign(variables)


def assign(variables):
    shell.user_ns.update(variables)


def run_private(code):
    namespace = {"__name__": "_mlsys_private", "user_ns": shell.user_ns}
    say_undeclared()
    exec(compile(code, "<mlsys>", "exec"), namespace)
    return namespace.get("result")
