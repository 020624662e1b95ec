"""Exports a fitted estimator as a graph of plain data, which `crates/native` computes in the estimator's own arithmetic.

| module | its one job |
|---|---|
| `writer` | the file: a header and arrays |
| `kinds` | what flows between operators, as far as the exporter must know it |
| `registry` | which module exports which class |
| `labels` | several labels a row |
| the others | one family of estimators each; the operators they name are in `crates/native/src/ops/`, one a file |

An exporter is `export(estimator, x, writer)`: `x` is a `kinds.Table` or `kinds.Matrix`; it answers the operator, a dict, and what
comes out of it: a `Table`, a `Matrix` or a `kinds.Says`. What it does not know it refuses by `kinds.Unsupported`: a wrong graph
would be found out by its proof, but only on rows that show it.
"""

from ..schema import plain
from . import kinds, labels, registry, rows
from .kinds import Unsupported
from .rows import answers, proof
from .writer import Writer

__all__ = ["Unsupported", "answers", "export", "proof"]


def export(model, found, signature, own):
    """The graph of `model` as a file's bytes, and what the graph says, a `kinds.Says`, or `None` for a transformer.

    `found`, `signature` and `own` are what `inputs.find` and `schema.signature` answered. Rows for `answers` are those that
    `client.Client` sees, rows for `proof` those that it sends.
    """
    writer = Writer()
    x, inputs, first = rows.kinds_of(found, signature, own, writer)
    node, out = registry.export(model, x, writer)
    if first is not None:
        node = {"op": "chain", "steps": [first, node]}
    says = out if isinstance(out, kinds.Says) else None
    fields = {"transforms": says is None, "root": node, "decision": rows.decision(model, says)}
    if says is not None and labels.are_several(says.classes):
        fields["labels"] = [plain(label) for _, label in labels.union(says.classes)]
    return writer.file({**fields, "inputs": inputs} if inputs is not None else fields), says
