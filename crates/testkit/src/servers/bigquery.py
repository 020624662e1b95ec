"""Runs the emulator of BigQuery, with what BigQuery does there and the emulator does not.

- A job's id is given once: a second job of it is refused (409, `duplicate`), also while the first one runs.
- Files to be loaded are fetched from a bucket, which STORAGE_EMULATOR_HOST has, not from a folder.
- A load job is made whole or not at all, and takes columns by their names. WRITE_TRUNCATE changes the columns, too; WRITE_EMPTY refuses
  with `duplicate`. The table is modified then, and has a size.
- The Storage Read API reads a table as it was at a moment, and small ones in several streams, too.

`POST /failures` with a list says what becomes of the next requests for jobs: a number is answered as a status instead; `"lost"` does what is
asked, and answers 503; `"slow"` leaves a new job unfinished until it is looked at for the second time.
"""

import json
import os
import tempfile
import threading
import urllib.parse
import urllib.request
from pathlib import Path

import bqemulator.server
from bqemulator.api.routes import jobs, tables
from bqemulator.catalog.models import JobMeta, TableMeta, TableSchema, TimePartitioning
from bqemulator.cli import main
from bqemulator.domain.errors import ResourceRef, resource_already_exists
from bqemulator.grpc_api import read_servicer
from bqemulator.storage.sql_identifiers import quoted_table_ref
from bqemulator.storage.type_map import bq_schema_to_duckdb_columns
from bqemulator.streaming import read_session
from fastapi.responses import JSONResponse

ANYTHING = {"etag": "x"}


class Refused(Exception):
    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


async def load(project, job_id, config, context):
    if context.catalog.get_job(project, job_id) is not None:
        raise resource_already_exists(ResourceRef("job", project, resource_id=job_id))
    now = context.clock.now()
    job = JobMeta(
        project_id=project,
        job_id=job_id,
        job_type="LOAD",
        state="RUNNING",
        configuration=config,
        creation_time=now,
        **ANYTHING,
    )
    context.catalog.upsert_job(job)
    error, statistics = None, {}
    try:
        statistics = {"load": {"outputRows": str(await loaded(config["load"], context))}}
    except Refused as refused:
        error = {"reason": refused.reason, "message": str(refused)}
    except Exception as failed:
        error = {"reason": "invalid", "message": f"Error while reading data, error message: {failed}"}
    ended = {"state": "DONE", "statistics": statistics, "error_result": error, "end_time": context.clock.now()}
    return job.model_copy(update=ended)


async def loaded(load, context):
    to = load["destinationTable"]
    names = (to["projectId"], to["datasetId"], to["tableId"])
    if context.catalog.get_dataset(*names[:2]) is None:
        raise Refused("notFound", f"Not found: Dataset {names[0]}:{names[1]}")
    if load.get("sourceFormat") != "PARQUET" or not load.get("sourceUris"):
        raise Refused("invalid", "Only Parquet files are loaded here, and one at least")
    disposition, fields = load["writeDisposition"], load["schema"]["fields"]
    target, staged = quoted_table_ref(*names), f'"staged_{os.urandom(8).hex()}"'
    columns = ", ".join(f'"{name}" {kind}' for name, kind in bq_schema_to_duckdb_columns(fields))
    execute = context.engine.execute
    with tempfile.TemporaryDirectory() as folder:
        files = [fetched(uri, Path(folder, str(at))) for at, uri in enumerate(load["sourceUris"])]
        async with context.engine.write_lock():
            table = context.catalog.get_table(*names)
            if disposition == "WRITE_EMPTY" and table is not None and table.num_rows:
                raise Refused("duplicate", f"Already Exists: Table {names[0]}:{names[1]}.{names[2]}")
            schema = TableSchema(fields=tables._parse_schema_fields(fields))
            is_new = table is None or disposition == "WRITE_TRUNCATE"
            if not is_new and [one.name for one in table.schema_.fields] != [one["name"] for one in fields]:
                raise Refused("invalid", "Provided Schema does not match Table")
            try:
                execute(f"CREATE TABLE {staged} ({columns})")
                for file in files:
                    execute(f"INSERT INTO {staged} BY NAME SELECT * FROM read_parquet(?)", [str(file)])
                if is_new:
                    execute(f"DROP TABLE IF EXISTS {target}")
                    execute(f"CREATE TABLE {target} ({columns})")
                execute(f"INSERT INTO {target} SELECT * FROM {staged}")
            finally:
                execute(f"DROP TABLE IF EXISTS {staged}")
            rows = execute(f"SELECT COUNT(*) FROM {target}").fetchone()[0]
            now = context.clock.now()
            if table is None:
                partitions = load.get("timePartitioning")
                partitions = partitions and TimePartitioning(type=partitions["type"], field=partitions.get("field"))
                table = TableMeta(
                    project_id=names[0],
                    dataset_id=names[1],
                    table_id=names[2],
                    creation_time=now,
                    last_modified_time=now,
                    time_partitioning=partitions,
                    **ANYTHING,
                )
                context.catalog.create_table(table)
            size = context.engine.fetch_arrow(f"SELECT * FROM {target}").nbytes
            context.snapshots.record_change(*names)
            changed = {"schema_": schema, "num_rows": rows, "num_bytes": size, "last_modified_time": context.clock.now()}
            context.catalog.update_table(table.model_copy(update=changed))
            return rows


def fetched(uri, file):
    bucket, _, path = uri.removeprefix("gs://").partition("/")
    try:
        with urllib.request.urlopen(
            f"{os.environ['STORAGE_EMULATOR_HOST']}/{bucket}/{urllib.parse.quote(path)}", timeout=60
        ) as answer:
            file.write_bytes(answer.read())
    except OSError as error:
        raise Refused("notFound", f"Not found: Uris {uri}: {error}") from error
    return file


# The emulator's own, for what is asked of it elsewhere.
resolve_target, begin = read_servicer._resolve_read_target, read_servicer.BigQueryReadHandler.__init__
contexts = []


def begin_reading(self, context):
    contexts.append(context)
    begin(self, context)


def resolve_at_moment(session, call):
    target = resolve_target(session, call)
    moment = session.table_modifiers.snapshot_time if session.table_modifiers else None
    if target is None or moment is None:
        return target
    snapshot = contexts[0].snapshots.resolve_time_travel(*target[:3], moment)
    if snapshot is None:
        return target
    return (*target[:3], f'"{snapshot.duckdb_schema}"."{snapshot.duckdb_table}"', target[4])


def with_failures(create_app):
    def create(context):
        app, failures, slow, lock = create_app(context), [], {}, threading.Lock()

        @app.post("/failures")
        async def fail(wanted: list[int | str]):
            failures.extend(wanted)
            return {}

        @app.middleware("http")
        async def failing(request, call):
            with lock:
                wanted = failures.pop(0) if failures and "/jobs" in request.url.path else None
            if isinstance(wanted, int):
                return refusal(wanted)
            answer = await call(request)
            if wanted == "lost":
                return refusal(503)
            if "/jobs" not in request.url.path or answer.status_code != 200:
                return answer
            job = json.loads(b"".join([part async for part in answer.body_iterator]))
            name = job.get("jobReference", {}).get("jobId")
            if wanted == "slow":
                slow[name] = 2
            if slow.get(name, 0) > 0:
                slow[name] -= 1
                job["status"] = {"state": "RUNNING"}
            return JSONResponse(job)

        return app

    return create


def refusal(status):
    reason = {403: "accessDenied", 404: "notFound", 429: "rateLimitExceeded"}.get(status, "backendError")
    error = {"code": status, "message": "as was wanted", "errors": [{"reason": reason, "message": "as was wanted"}]}
    return JSONResponse({"error": error}, status_code=status)


jobs._handle_load_job_with_async_envelope = load
read_servicer.BigQueryReadHandler.__init__ = begin_reading
read_servicer._resolve_read_target = resolve_at_moment
read_session._SMALL_TABLE_BYTE_THRESHOLD = 0
bqemulator.server.create_app = with_failures(bqemulator.server.create_app)
main()
