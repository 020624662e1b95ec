"""Queries in BigQuery's SQL, checked and translated into DuckDB's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlsys._names import TableId
from mlsys.errors import InvalidInput

if TYPE_CHECKING:
    from sqlglot import exp


# The project of tables on a laptop; elsewhere it stands for the one that runs the queries.
LOCAL = "local"


@dataclass(frozen=True)
class Query:
    """A query in DuckDB's SQL, and the names by which it calls the tables."""

    sql: str
    tables: Mapping[TableId, str]
    parameters: frozenset[str]


def translate(text: str) -> Query:
    """Checks that the text is one SELECT on tables with names of three parts, and translates it."""
    from sqlglot import exp

    tree = _parse(text)
    _name_columns(tree)
    tables: dict[TableId, str] = {}
    defined = {common.alias.casefold() for common in tree.find_all(exp.CTE)}
    for node in list(tree.find_all(exp.Table)):
        if not isinstance(node.this, exp.Identifier):
            raise InvalidInput(f"{node.sql('bigquery')!r} cannot be queried here: write a table as 'project.dataset.table'")
        if not node.db and node.name.casefold() in defined:
            continue
        identity = _table_id(node)
        name = tables.setdefault(identity, f"mlsys_table_{len(tables)}")
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(identity.table, quoted=True))
        node.set("this", exp.to_identifier(name))
        # DuckDB's schema for what is registered, so that a WITH of the same name is not taken for it.
        node.set("db", exp.to_identifier("temp"))
        node.set("catalog", None)
        node.set("alias", alias)
    parameters = frozenset(node.name for node in tree.find_all(exp.Parameter))
    return Query(tree.sql(dialect="duckdb"), tables, parameters)


def in_project(text: str, project: str) -> str:
    """The query with ``project`` in the place of the project ``local``, which on a laptop is the own one. What is not understood stays as it
    is: BigQuery says what is wrong with it."""
    import sqlglot
    from sqlglot import exp

    if LOCAL not in text:
        return text
    try:
        tree = sqlglot.parse_one(text, read="bigquery")
    except sqlglot.errors.SqlglotError:
        return text
    own = [table for table in tree.find_all(exp.Table) if table.catalog == LOCAL]
    for table in own:
        table.set("catalog", exp.to_identifier(project, quoted=True))
    return tree.sql(dialect="bigquery") if own else text


def _parse(text: str) -> exp.Query:
    """The one read-only statement in the text."""
    import sqlglot
    from sqlglot import exp

    try:
        statements = [statement for statement in sqlglot.parse(text, read="bigquery") if statement is not None]
    except sqlglot.errors.SqlglotError as error:
        raise InvalidInput(f"the query is not valid SQL of BigQuery: {error}") from error
    if len(statements) != 1:
        raise InvalidInput(f"write one query, not {len(statements)}")
    tree = statements[0]
    writing = (exp.DML, exp.DDL, exp.Command, exp.Into)
    if not isinstance(tree, exp.Query) or any(not isinstance(node, exp.Query | exp.CTE) for node in tree.find_all(*writing)):
        raise InvalidInput(
            "only a query that begins with SELECT or WITH is run, and that reads only: tables are written by bq_put"
        )
    return tree


def _table_id(node: exp.Table) -> TableId:
    """The table that a FROM names."""
    written = ".".join(part.name for part in node.parts)
    if any(node.args.get(time) for time in ("when", "version")):
        raise InvalidInput(f"FOR SYSTEM_TIME AS OF is not supported for local tables: read {written} without it")
    return TableId.of_parts([part.name for part in node.parts], written)


def _name_columns(tree: exp.Query) -> None:
    """Names the columns without a name as BigQuery does: ``f0_``, ``f1_`` and so on."""
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        unnamed = 0
        expressions = []
        for column in select.expressions:
            if not isinstance(column, exp.Alias | exp.Aliases | exp.Column | exp.Dot | exp.Star):
                column = exp.alias_(column, f"f{unnamed}_")
                unnamed += 1
            expressions.append(column)
        select.set("expressions", expressions)
