"""Tables in BigQuery, through Google's own client."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from mlsys import _frames
from mlsys._cloud import credentials, errors_of_this_package, library
from mlsys._lineage import TableVersion
from mlsys._names import TableId
from mlsys._sql import LOCAL, in_project
from mlsys.errors import AlreadyExists, InvalidInput
from mlsys.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

# What the REST API calls the types, by their names in SQL.
_OLD_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


def get(settings: Settings, query: str, parameters: Mapping[str, Any]) -> tuple[pa.Table, list[TableVersion]]:
    """The query's result, and what BigQuery says of the versions of the tables it read, if somebody wants to know."""
    bigquery = library("google.cloud.bigquery")
    values = [_parameter(bigquery, name, value) for name, value in parameters.items()]
    query = in_project(query, settings.require_gcp_project())
    with errors_of_this_package():
        client = _client(settings.require_gcp_project(), settings.bigquery_emulator)
        plan = client.query(query, job_config=bigquery.QueryJobConfig(query_parameters=values, dry_run=True))
        if plan.statement_type != "SELECT":
            raise InvalidInput(f"only SELECT and WITH are run, not {plan.statement_type}: tables are written by bq_put")
        versions = _versions(client, plan) if settings.lineage else []
        job = client.query(query, job_config=bigquery.QueryJobConfig(query_parameters=values))
        # The Storage API is quicker for many rows, but goes to Google whatever the emulator's address is.
        data = job.result().to_arrow(create_bqstorage_client=settings.bigquery_emulator is None)
    return data, versions


def put(settings: Settings, identity: TableId, data: pa.Table, write_disposition: str) -> None:
    """Loads the data as one Parquet file, which BigQuery adds as a whole or not at all."""
    import pyarrow.parquet as pq

    bigquery = library("google.cloud.bigquery")
    if identity.project == LOCAL:
        identity = replace(identity, project=settings.require_gcp_project())
    with errors_of_this_package():
        client = _client(settings.require_gcp_project(), settings.bigquery_emulator)
        fitting = _fitting(client, identity, data, write_disposition)
        file = io.BytesIO()
        pq.write_table(fitting, file)
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            write_disposition=write_disposition,
            schema=[bigquery.SchemaField(field.name, _frames.type_name(field.type)) for field in fitting.schema],
        )
        client.load_table_from_file(file, str(identity), rewind=True, job_config=config).result()


@cache
def _client(project: str, emulator: str | None) -> Any:
    """One client for all calls: making one looks for credentials, which takes a while."""
    bigquery = library("google.cloud.bigquery")
    # The client finds the emulator by itself, but would still ask Google for credentials.
    return bigquery.Client(project=project, credentials=credentials(emulator))


def _versions(client: Any, job: Any) -> list[TableVersion]:
    """The tables that a query names, as they are now."""
    tables = {str(reference): client.get_table(reference) for reference in job.referenced_tables}
    return [TableVersion(name, table.etag or table.modified.isoformat()) for name, table in tables.items()]


def _fitting(client: Any, identity: TableId, data: pa.Table, write_disposition: str) -> pa.Table:
    """The data as the table takes it, checked before anything is sent."""
    exceptions = library("google.api_core.exceptions")
    if write_disposition == "WRITE_TRUNCATE":
        return _frames.as_new_table(data)
    try:
        table = client.get_table(str(identity))
    except exceptions.NotFound:
        return _frames.as_new_table(data)
    if write_disposition == "WRITE_EMPTY" and table.num_rows:
        raise AlreadyExists(f"{identity} has rows already: use WRITE_APPEND or WRITE_TRUNCATE, or another name")
    fitted = _frames.fit(data, _schema(table.schema), str(identity))
    # What is missing is sent as gaps, so that it is one also where BigQuery has a default; of other types it is left to BigQuery.
    return fitted.select([field.name for field in fitted.schema if _frames.common_type(field.type) is not None])


def _schema(fields: list[Any]) -> pa.Schema:
    import pyarrow as pa

    types = _frames.types_by_name()
    # A column of a type that this package does not write can only be left out, which any type that nothing fits serves for.
    other = pa.struct([])
    return pa.schema(
        pa.field(
            field.name,
            types.get(_OLD_NAMES.get(field.field_type, field.field_type), other) if field.mode != "REPEATED" else other,
            nullable=field.mode != "REQUIRED",
        )
        for field in fields
    )


def _parameter(bigquery: Any, name: str, value: Any) -> Any:
    """A query's parameter, of the type of its value."""
    kinds = [(bool, "BOOL"), (int, "INT64"), (float, "FLOAT64"), (str, "STRING"), (bytes, "BYTES"), (Decimal, "NUMERIC")]
    if isinstance(value, datetime):
        return bigquery.ScalarQueryParameter(name, "DATETIME" if value.tzinfo is None else "TIMESTAMP", value)
    for kind, type_name in [*kinds, (date, "DATE")]:
        if isinstance(value, kind):
            return bigquery.ScalarQueryParameter(name, type_name, value)
    raise InvalidInput(
        f"the parameter {name!r} is of type {type(value).__name__}: use a number, text, bytes, a date or a time"
    )
