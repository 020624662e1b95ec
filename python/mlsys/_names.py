"""Names of tables, columns and buckets: what is allowed, and how a name becomes a path that cannot leave its folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mlsys.errors import InvalidInput, NotAllowed

# Letters of any language, digits, `_` and `-`, as BigQuery has them. No dot and no slash, so a part is always one folder's name.
_PART = re.compile(r"\w[\w-]*")
# What a file system takes as one name; BigQuery would take more.
LONGEST_PART = 255


@dataclass(frozen=True)
class TableId:
    """The three parts of a table's name, each safe to be the name of a folder."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"

    @classmethod
    def parse(cls, text: str) -> TableId:
        """Reads ``project.dataset.table``, with backticks around the whole or around each part if you like."""
        if not isinstance(text, str):
            raise InvalidInput(f"a table's name is text such as 'project.dataset.table', not {type(text).__name__}")
        bare = text[1:-1] if re.fullmatch(r"`[^`]*`", text) else text
        parts = [part[1:-1] if re.fullmatch(r"`[^`]*`", part) else part for part in bare.split(".")]
        return cls.of_parts(parts, text)

    @classmethod
    def of_parts(cls, parts: list[str], text: str) -> TableId:
        """Checks the parts that ``text`` was split into."""
        if len(parts) != 3:
            raise InvalidInput(f"the table name {text!r} has {_count(parts)}: write all three, 'project.dataset.table'")
        for part in parts:
            if not _PART.fullmatch(part) or len(part.encode()) > LONGEST_PART:
                raise InvalidInput(
                    f"the table name {text!r} cannot be used: {part!r} is not made of letters, digits, '_' and '-' "
                    f"(not '-' first, at most {LONGEST_PART} bytes)"
                )
        return cls(*parts)


def _count(parts: list[str]) -> str:
    return "1 part" if len(parts) == 1 else f"{len(parts)} parts"


def not_allowed(what: str, place: str, writing: bool = False) -> NotAllowed:
    """The error of a notebook that reaches for data which its repository may not read or write."""
    verb, flag = ("write", " --write") if writing else ("read", "")
    how = f"an admin allows it by: mlsys data allow {place} --repo OWNER/NAME{flag}"
    return NotAllowed(f"this notebook may not {verb} {what}: {how}")


def inside(root: Path, *parts: str) -> Path:
    """The path of ``parts`` under ``root``, refused where a link stands on the way: it could lead out of the folder."""
    path = root.resolve().joinpath(*parts)
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as error:
        raise InvalidInput(f"{'/'.join(parts)!r} cannot be used as a path under {root}: {error}") from error
    if real != path:
        raise InvalidInput(f"{'/'.join(parts)!r} leads through a link under {root}: put the folder itself in its place")
    return path
