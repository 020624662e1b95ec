"""Loads the libraries of one Python environment, and forks a process for each model: `python fork_server.py`.

What the libraries take of memory is there once for all models. Standard input is a socket to the server; lines of JSON go both ways:

    → {"fork":7,"home":"…","files":["metadata.json","model.pkl"]}, with descriptors: the child's channel, its standard error, the files
    → {"kill":7}
    ← {"ready":true}, once and first
    ← {"ended":7,"status":139}, as `wait` tells it, or {"ended":7,"error":"…"}

Nothing of any model is read here: a child is first confined to what is its own, and then unpickles. Over its channel it says
`{"pid":12}`, its number as it sees it, and is told what to give up: a Landlock ruleset, and a filter of system calls as a buffer. Then it
says `{"ready":true,"joins":true,"decides":null}` (whether rows of several requests may be asked about in one call, and the method that
gives decision values) or `{"error":"…"}`, and answers requests, as `wire` has them. It ends with its channel, or with us.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import struct
import sys
import tempfile
import warnings

import serve_model
import wire

# What most models need. What is not there is left out.
LIBRARIES = ("numpy", "pandas", "joblib", "cloudpickle", "sklearn")
# Numbers of system calls and of what they are asked for: landlock(7), seccomp(2), prctl(2). The calls' are the same on every machine.
LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 445, 446
LANDLOCK_RULE_PATH_BENEATH, LANDLOCK_READ = 1, 0b1100
PR_SET_PDEATHSIG, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 1, 22, 2, 38
# Rows of the example that are asked about one by one.
PROOF = 4


def main():
    """Forks until the server is gone."""
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")  # a warning may quote values
    load_libraries()
    ended, woken = os.pipe()
    for end in (ended, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # What is there now stays, and whoever collects garbage does not write to its pages.
    gc.collect()
    gc.freeze()
    tell(control, {"ready": True})
    serve(control, (ended, woken))


def load_libraries():
    """Imports what most models need."""
    for name in LIBRARIES:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    for name in getattr(sys.modules.get("sklearn"), "__all__", ()):
        with contextlib.suppress(Exception):
            importlib.import_module(f"sklearn.{name}")


def tell(control, message):
    """Says a line."""
    control.sendall(json.dumps(message).encode() + b"\n")


def serve(control, ends):
    """Takes orders, and tells of those that have ended."""
    children, text, descriptors = {}, b"", []
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(ends[0], select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poll.poll()]
        if ends[0] in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(ends[0], 4096)
            for number, status in reap():
                tell(control, {"ended": children.pop(number), "status": status})
        if control.fileno() not in ready:
            continue
        read, received, _, _ = socket.recv_fds(control, 65536, 64)
        if not read:
            return
        text += read
        descriptors += received
        *lines, text = text.split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "kill" in order:
                kill(children, order["kill"])
                continue
            count = 2 + len(order["files"])
            own, descriptors = descriptors[:count], descriptors[count:]
            try:
                number = fork(order, own, (control, *ends))
                children[number] = order["fork"]
            except OSError as error:
                tell(control, {"ended": order["fork"], "error": f"it could not be forked: {error}"})
            finally:
                for descriptor in own:
                    os.close(descriptor)


def reap():
    """The children that have ended: their numbers, and how."""
    while True:
        try:
            number, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if number == 0:
            return
        yield number, status


def kill(children, name):
    """Kills a child, with what is of its group. Until `reap` its number is no other's."""
    for number in [number for number, other in children.items() if other == name]:
        for call in (os.killpg, os.kill):
            with contextlib.suppress(OSError):
                call(number, signal.SIGKILL)


def fork(order, descriptors, ours):
    """The number of a new child, which never returns from here."""
    parent = os.getpid()
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if sys.platform == "linux":
            libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            ours[0].close()
            os.close(ours[1])
            os.close(ours[2])
            os.setsid()
            be_a_model(order, descriptors)
            code = 0
    finally:
        os._exit(code)


def libc():
    """The C library, whose errors Python sees."""
    return ctypes.CDLL(None, use_errno=True)


def be_a_model(order, descriptors):
    """Gives up what is not the model's, loads it, and answers."""
    errors, files = descriptors[1], descriptors[2:]
    channel = socket.socket(fileno=os.dup(descriptors[0]))
    for stream in (1, 2):
        os.dup2(errors, stream)
    os.close(descriptors[0])
    os.close(errors)
    os.environ["HOME"] = os.environ["TMPDIR"] = order["home"]
    os.chdir(order["home"])
    tempfile.tempdir = None
    # Each has dice of its own.
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    try:
        wire.send(channel, {"pid": os.getpid()})
        give_up(channel)
        opened = {name: os.fdopen(file, "rb") for name, file in zip(order["files"], files, strict=True)}
        metadata = json.load(opened["metadata.json"])
        opened["metadata.json"].seek(0)
        model, columns, example = serve_model.load(opened)
        joins = answers_row_by_row(model, metadata)
    except Exception as error:
        # Unpickling runs code of any kind; the server decides what a model that does not load means.
        wire.send(channel, {"error": f"{type(error).__name__}: {error}"})
        return
    wire.send(channel, {"ready": True, "joins": joins, "decides": serve_model.decides(model)})
    places = {label: place for place, label in enumerate(metadata.get("classes") or ())}
    with alone():
        answer_requests(channel, (model, columns, example), places)


def answer_requests(channel, loaded, places):
    """Answers until the channel is closed."""
    while (received := wire.receive(channel)) is not None:
        head, buffers = received
        said = serve_model.answer(*loaded, wire.request(loaded[1], head, buffers), numbers_or_plain)
        head, buffers = wire.answer({"id": head["id"], **said}, places)
        wire.send(channel, head, buffers)


def numbers_or_plain(value):
    """Predictions as the wire takes them."""
    return value if wire.raw(value) else serve_model.plain(value)


def alone():
    """Each processor has a process of its own, so none of them starts others: estimators' `n_jobs` means nothing in here."""
    joblib = sys.modules.get("joblib")
    if joblib is None:
        return contextlib.nullcontext()
    configure = getattr(joblib, "parallel_config", joblib.parallel_backend)
    return configure("sequential")


def give_up(channel):
    """What the server says: all files but our own, other processes, and whatever one could be met by."""
    read, rules, _, _ = socket.recv_fds(channel, 65536, 1)
    if not read:
        os._exit(0)
    head, _ = struct.unpack_from("<II", read)
    filter_length = json.loads(read[8 : 8 + head])["filter"]
    code = read[8 + head : 8 + head + filter_length]
    if not rules and not code:
        return
    call = libc()
    call.syscall.argtypes = [ctypes.c_long] * 5
    check(call.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    for ruleset in rules:
        # Of `/proc` we have another than the server, who made the rules.
        folder = os.open("/proc", os.O_PATH | os.O_CLOEXEC)
        beneath = ctypes.create_string_buffer(struct.pack("=Qi", LANDLOCK_READ, folder))
        check(call.syscall(LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, ctypes.addressof(beneath), 0))
        check(call.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0, 0, 0))
        os.close(folder)
        os.close(ruleset)
    if code:
        steps = ctypes.create_string_buffer(code)
        program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(steps)))
        check(call.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_void_p(ctypes.addressof(program)), 0, 0))


def check(answer):
    """Raises what a system call says."""
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"the process could not be confined: {os.strerror(number)}")


def answers_row_by_row(model, metadata):
    """Whether an estimator answers rows of its example together as it does one by one."""
    base = sys.modules.get("sklearn.base")
    if base is None or not isinstance(model, base.BaseEstimator):
        return False
    import numpy as np

    try:
        example, signature = metadata["input_example"], metadata["signature"]
        if "columns" in signature:
            rows = serve_model.table(signature["columns"], serve_model.example_rows(example))
        else:
            rows = np.array(example["inputs"], dtype=signature["tensor"]["dtype"])
        rows = rows[:PROOF]
        if len(rows) < 2:
            return False
        together = np.asarray(model.predict(rows))
        one_by_one = np.concatenate([np.asarray(model.predict(rows[at : at + 1])) for at in range(len(rows))])
        if together.dtype.kind == "f":
            return together.shape == one_by_one.shape and np.allclose(
                together, one_by_one, rtol=1e-9, atol=0, equal_nan=True
            )
        return np.array_equal(together, one_by_one)
    except Exception:
        return False


if __name__ == "__main__":
    main()
