"""Webhook intake: the backend of mlsys, and the FastAPI + SQLModel + Celery that one would write instead, in turn.

Every run has a fresh server, database and queue. After it, the books are checked: each push that was answered with 202 is a
row of deliveries and a row of pipelines, and its job is in the queue.
"""

import argparse
import contextlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import servers
from redis import Redis

CONNECTIONS = (1, 16, 64)


@contextlib.contextmanager
def database(postgres, at):
    """A fresh database: its address, and what counts the rows of its tables. Without a PostgreSQL, an SQLite file."""
    if postgres is None:
        path = at / "bench.db"

        def count(table):
            with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
                return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]

        yield f"sqlite:///{path}", count
        return
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE bench")
        try:
            with psycopg.connect(f"{postgres}/bench", autocommit=True) as counting:
                yield f"{postgres}/bench", lambda table: counting.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        finally:
            # Its end is a checkpoint, so that the next run starts without this one's dirty pages.
            admin.execute("DROP DATABASE bench WITH (FORCE)")


@contextlib.contextmanager
def mlsys(arguments, postgres, queue, at):
    """mlsys; with PostgreSQL its queue is on Redis, without it in a file."""
    with database(postgres, at) as (url, count):
        if postgres is None:
            environment = {"DATABASE_URL": url.replace("sqlite:///", "sqlite://")}

            def queued():
                with contextlib.closing(sqlite3.connect(at / "queue.db", timeout=30)) as connection:
                    return connection.execute("SELECT count(*) FROM Jobs WHERE status = 'Pending'").fetchone()[0]
        else:
            environment = {"DATABASE_URL": url, "REDIS_URL": queue}
            redis = Redis.from_url(queue)

            def queued():
                return redis.llen("mlsys:jobs:active") + redis.zcard("mlsys:jobs:scheduled")

        with servers.backend(arguments.binaries, at, **environment) as port:
            yield port, lambda: (count("deliveries"), count("pipelines"), queued())


@contextlib.contextmanager
def peer(workers, _arguments, postgres, queue, at):
    """The peer, with so many uvicorn workers."""
    with database(postgres, at) as (url, count):
        environment = {"DATABASE_URL": url.replace("postgresql:", "postgresql+psycopg:"), "REDIS_URL": queue}
        make = [sys.executable, servers.ROOT / "bench/peers/intake.py"]
        subprocess.run(make, check=True, env=os.environ | environment | {"GITHUB_WEBHOOK_SECRET": servers.SECRET})
        with servers.uvicorn("intake:app", at, workers, **environment) as port:
            redis = Redis.from_url(queue)
            yield port, lambda: (count("delivery"), count("pipeline"), redis.llen("celery"))


def measure(arguments, side, postgres, queue, connections, seed):
    """One run; its figures, checked against the books."""
    Redis.from_url(queue).flushall()
    with servers.folder() as at, side(arguments, postgres, queue, at) as (port, books):
        command = [
            arguments.binaries / "load",
            "intake",
            "--register",
            "--address",
            f"127.0.0.1:{port}",
            "--secret",
            servers.SECRET,
        ]
        command += ["--connections", connections, "--seconds", arguments.seconds, "--seed", seed]
        ended = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True)
        figures, started = json.loads(ended.stdout), time.monotonic()
        # A push that was given up may have been taken all the same.
        fits = set(range(figures["accepted"], figures["accepted"] + figures["errors"] + 1))
        while not set(kept := books()) <= fits:
            if time.monotonic() - started > 60:
                sys.exit(f"{figures['accepted']} pushes were accepted, but deliveries, pipelines and jobs are {kept}")
            time.sleep(0.1)
        return figures | {"queued_s": time.monotonic() - started}


def rounds(arguments, postgres, queue):
    """What each side did: by connections and side, the figures of all rounds."""
    sides = {"mlsys": mlsys, "peer, 1 worker": lambda *rest: peer(1, *rest), "peer, 2 workers": lambda *rest: peer(2, *rest)}
    done = {}
    for seed in range(1, arguments.rounds + 1):
        for connections in CONNECTIONS:
            for at, url in (("PostgreSQL", postgres), ("SQLite", None)):
                for name, side in sides.items():
                    figures = measure(arguments, side, url, queue, connections, seed)
                    print(f"round {seed}, {connections} connections, {name} on {at}: {figures}", file=sys.stderr, flush=True)
                    done.setdefault((connections, at, name), []).append(figures)
    return {key: {name: statistics.median(one[name] for one in all) for name in all[0]} for key, all in done.items()}


def row(who, connections, figures, ratio):
    rate, errors = round(figures["rate"]), round(figures["errors"])
    return f"| {connections} | {who} | {rate:,} | {figures['p50_ms']:.1f} | {figures['p99_ms']:.1f} | {errors} | {ratio} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=Path, required=True, help="folder that has backend and load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    arguments = parser.parse_args()
    arguments.binaries = arguments.binaries.resolve()
    fsync = servers.fsync_ms()
    with servers.postgres() as postgres, servers.redis() as queue:
        medians = rounds(arguments, postgres, queue)
    print("## Webhook intake: mlsys's backend, and FastAPI + SQLModel + Celery\n")
    print(f"""Signed pushes of 7.7 kB, each of another commit and notebook, to 50 repositories; each connection sends the next one when
the last is answered. Answered with 202 means: signature verified, delivery and pipeline committed, and the job sent (the
peer's `task.delay`) or written down in the same commit to be sent at once (mlsys). The peer: FastAPI, uvicorn with uvloop, SQLModel, Celery with
Redis as broker, with one worker, as uvicorn starts, and with two, whose rate changes much from run to run. PostgreSQL and Redis (append-only file, every second) on the
same machine, {os.cpu_count()} processors; load, server and databases share them. mlsys on SQLite has its queue in a file too; the peer on SQLite
keeps Redis. The sides take turns; a fresh server and database for each run; medians of {arguments.rounds} rounds of {arguments.seconds} s after 2 s that do not
count. After each run the books were checked: one delivery, one pipeline and one queued job for each 202. An fsync of 4 KiB
takes {fsync:.2f} ms on this disk. `bench/run intake` measures again.
""")
    print("| connections | | pushes/s | p50 ms | p99 ms | errors | mlsys, times as many |\n|---|---|---|---|---|---|---|")
    for connections in CONNECTIONS:
        for at in ("PostgreSQL", "SQLite"):
            ours = medians[connections, at, "mlsys"]
            print(row(f"mlsys on {at}", connections, ours, ""))
            for name in ("peer, 1 worker", "peer, 2 workers"):
                theirs = medians[connections, at, name]
                print(row(f"{name}, on {at}", connections, theirs, f"{ours['rate'] / max(theirs['rate'], 1):.1f}"))
    lag = max(figures["queued_s"] for (_, _, name), figures in medians.items() if name == "mlsys")
    print(f"\nAfter the last answer it took mlsys up to {lag:.1f} s (median) until the queue had every job.")


if __name__ == "__main__":
    main()
