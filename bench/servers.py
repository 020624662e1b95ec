"""The servers of the benchmarks: real ones, on free ports, as durable as in earnest, gone afterwards."""

import contextlib
import glob
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECRET = "bench-secret-7f3a"
# An ended benchmark leaves nothing running.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(condition, what, seconds=60, pause=0.05):
    """Waits for a condition and answers what it says."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            sys.exit(f"{what} took over {seconds} s")
        time.sleep(pause)
    return found


def call(port, method, path, body=None):
    """The status and the JSON of an answer; status 0 while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"content-type": "application/json"}
        if key := os.environ.get("MLSYS_API_KEY"):
            headers["authorization"] = f"Bearer {key}"
        connection.request(method, path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text
    except OSError:
        return 0, None
    finally:
        connection.close()


def sign_in(port, log):
    """Takes up the invitation that a backend printed to its log, and makes the key that is shown from now on."""
    token = re.findall(r"/sign-in#invitation=(\S+)", log.read_text())[-1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(path, body, headers):
        connection.request("POST", path, json.dumps(body), headers | {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            sys.exit(f"{path}: {answer.status} {text}")
        return answer, json.loads(text)

    with contextlib.closing(connection):
        answer, _ = post("/api/sessions", {"token": token, "password": "a password of the benchmarks"}, {})
        cookie = answer.getheader("set-cookie").split(";")[0]
        _, made = post("/api/keys", {"name": "benchmarks", "grants": [{"role": "admin"}]}, {"cookie": cookie})
    os.environ["MLSYS_API_KEY"] = made["key"]


@contextlib.contextmanager
def folder():
    """A folder that other users may enter."""
    with tempfile.TemporaryDirectory(prefix="mlsys-bench-", ignore_cleanup_errors=True) as path:
        os.chmod(path, 0o755)
        yield Path(path)


@contextlib.contextmanager
def program(name, command, at, ready, environment=None, stop=signal.SIGTERM, pause=0.05):
    """A process in the folder `at`, from when `ready()` until the end of the block."""
    log = at / f"{name}.log"
    with log.open("w") as output:
        command = [str(word) for word in command]
        process = subprocess.Popen(
            command, cwd=at, env=os.environ | (environment or {}), stdout=output, stderr=output, start_new_session=True
        )
    try:
        try:
            until(lambda: process.poll() is not None or ready(), f"starting {name}", 120, pause)
        except SystemExit:
            print(log.read_text()[-4000:], file=sys.stderr)
            raise
        if process.poll() is not None:
            sys.exit(f"{name} ended:\n{log.read_text()[-4000:]}")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def installed(name):
    found = shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)
    return found or sys.exit(f"{name} is missing")


@contextlib.contextmanager
def postgres():
    """A PostgreSQL with its defaults: fsync and synchronous commits. Its address, without a database."""
    # It refuses to run as root.
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    with folder() as at:
        if user:
            shutil.chown(at, "postgres", "postgres")
        data, port = at / "data", free_port()
        initdb = [*user, installed("initdb"), "--auth=trust", "--username=bench", "--encoding=UTF8", "-D", data]
        subprocess.run(initdb, check=True, cwd=at, stdout=subprocess.DEVNULL)
        settings = [f"-cport={port}", "-clisten_addresses=127.0.0.1", "-cunix_socket_directories=", "-cmax_connections=200"]
        ready = [installed("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        command = [*user, installed("postgres"), "-D", data, *settings]
        with program("postgres", command, at, lambda: subprocess.run(ready).returncode == 0, stop=signal.SIGINT):
            yield f"postgresql://bench@127.0.0.1:{port}"


@contextlib.contextmanager
def redis():
    """A Redis that keeps an append-only file, made safe every second. Its address."""
    with folder() as at:
        port = free_port()
        command = [installed("redis-server"), "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "yes"]
        with program("redis", command, at, lambda: open_port(port)):
            yield f"redis://127.0.0.1:{port}"


def open_port(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def serving(name, command, at, port, environment):
    """A process that answers /health on a port; the port."""
    with program(name, command, at, lambda: call(port, "GET", "/health")[0] == 200, environment):
        yield port


@contextlib.contextmanager
def backend(binaries, at, **environment):
    """mlsys's backend, with a key to it that is shown from then on."""
    port = free_port()
    settings = {"MLSYS_PORT": str(port), "MLSYS_HOME": str(at), "GITHUB_WEBHOOK_SECRET": SECRET, "INTERNAL_TOKEN": SECRET}
    environment = settings | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"} | environment
    with serving("backend", [binaries / "backend"], at, port, environment):
        sign_in(port, at / "backend.log")
        yield port


def uvicorn(app, at, workers, **environment):
    """One of the peers' servers."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--app-dir", ROOT / "bench/peers", "--port", port, "--workers", workers]
    environment |= {"GITHUB_WEBHOOK_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1"}
    return serving("uvicorn", [*command, "--no-access-log", "--log-level", "warning"], at, port, environment)


def family(process):
    """A process that has a session of its own: all of its session, and all below them."""
    known = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # It may end meanwhile.
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            known[int(stat.parent.name)] = (int(fields[1]), int(fields[3]))
    found = {one for one, (_, session) in known.items() if session == process}
    while more := {one for one, (above, _) in known.items() if above in found} - found:
        found |= more
    return found


def pss(process):
    """The memory of a process and its family in MiB; pages that they share count once."""
    kib = 0
    for one in family(process):
        with contextlib.suppress(OSError):
            kib += int(re.search(r"^Pss: +(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.MULTILINE)[1])
    return kib / 1024


def fsync_ms():
    """How long the disk takes to make 4 KiB safe, in milliseconds."""
    with folder() as at, (at / "probe").open("wb", buffering=0) as file:
        times = []
        for _ in range(300):
            file.write(bytes(4096))
            started = time.monotonic()
            os.fsync(file.fileno())
            times.append(time.monotonic() - started)
    return statistics.median(times) * 1000
