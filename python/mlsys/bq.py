"""Tables: ``bq_get`` runs a query, ``bq_put`` writes a DataFrame.

The SQL is BigQuery's, and a table is called ``project.dataset.table``. ``MLSYS_WAREHOUSE`` decides where the tables live: in a folder
of this machine, or in BigQuery.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from mlsys import _lineage
from mlsys._names import TableId
from mlsys.errors import InvalidInput
from mlsys.settings import settings

if TYPE_CHECKING:
    import pandas as pd

WriteDisposition = Literal["WRITE_APPEND", "WRITE_TRUNCATE", "WRITE_EMPTY"]


def bq_get(query: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Runs a query in BigQuery's SQL and returns its rows.

    A value goes into a query by name: ``bq_get("SELECT * FROM `p.d.t` WHERE age > @age", {"age": 30})``. All of a table that the query
    reads is of one version of it.
    """
    from mlsys import _bigquery, _frames, _warehouse

    if not isinstance(query, str) or not query.strip():
        raise InvalidInput("the query is empty: write one such as 'SELECT * FROM `project.dataset.table`'")
    chosen = settings()
    if chosen.warehouse is None:
        data, tables = _bigquery.get(chosen, query, parameters or {})
    else:
        data, tables = _warehouse.get(chosen.warehouse, query, parameters or {})
    if chosen.lineage is not None:
        _lineage.record(chosen.lineage, query, tables, data.num_rows)
    return _frames.to_frame(data)


def bq_put(df: pd.DataFrame, table_id: str, write_disposition: WriteDisposition = "WRITE_APPEND") -> None:
    """Writes all rows of a DataFrame, or none; its index is not written.

    ``WRITE_APPEND`` adds rows to a table, ``WRITE_TRUNCATE`` puts the rows in the place of the table's rows and columns, ``WRITE_EMPTY``
    fails if the table has rows. Each makes the table if there is none.
    """
    from mlsys import _bigquery, _frames, _warehouse

    if write_disposition not in get_args(WriteDisposition):
        raise InvalidInput(f"write_disposition is {write_disposition!r}: use one of {', '.join(get_args(WriteDisposition))}")
    identity = TableId.parse(table_id)
    data = _frames.to_arrow(df)
    chosen = settings()
    if chosen.warehouse is None:
        _bigquery.put(chosen, identity, data, write_disposition)
    else:
        _warehouse.put(chosen.warehouse, identity, data, write_disposition)
