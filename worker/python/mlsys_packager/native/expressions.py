"""Python's regular expressions as Rust's, where both mean the same.

The engine has one character stand for all others of its kind, so an expression may name ASCII characters only. Both languages prefer
the leftmost alternative; they differ in empty matches, which are refused.
"""

import re
from re import _constants as c
from re import _parser

from .kinds import Unsupported

CLASSES = {
    c.CATEGORY_DIGIT: r"\d",
    c.CATEGORY_NOT_DIGIT: r"\D",
    c.CATEGORY_SPACE: r"\s",
    c.CATEGORY_NOT_SPACE: r"\S",
    c.CATEGORY_WORD: r"\w",
    c.CATEGORY_NOT_WORD: r"\W",
}
PLACES = {c.AT_BEGINNING: r"\A", c.AT_BEGINNING_STRING: r"\A", c.AT_BOUNDARY: r"\b", c.AT_NON_BOUNDARY: r"\B"}
LONGEST = 1_000
SPACES = {ord(one) for one in "\t\n\r\f\v"}


def translated(pattern):
    """The expression for the engine."""
    parsed = _parser.parse(pattern)
    if parsed.state.flags & ~re.UNICODE or parsed.state.groups > 2:
        raise Unsupported("a token pattern with flags or several groups")
    if parsed.getwidth()[0] < 1:
        raise Unsupported("a token pattern that matches nothing")
    return _sequence(parsed)


def _sequence(parts):
    return "".join(_one(*part) for part in parts)


def _one(what, of):
    if what is c.LITERAL:
        return _literal(of)
    if what is c.NOT_LITERAL:
        return f"[^{_literal(of)}]"
    if what is c.ANY:
        return "."
    if what is c.IN:
        return f"[{''.join(_member(*member) for member in of)}]"
    if what is c.AT and of in PLACES:
        return PLACES[of]
    if what is c.BRANCH:
        return f"(?:{'|'.join(map(_sequence, of[1]))})"
    if what is c.SUBPATTERN and not of[1] and not of[2]:
        return f"({'' if of[0] else '?:'}{_sequence(of[3])})"
    if what in (c.MAX_REPEAT, c.MIN_REPEAT):
        least, most, body = of
        if body.getwidth()[0] < 1 or least > LONGEST or (most is not c.MAXREPEAT and most > LONGEST):
            raise Unsupported("a token pattern that repeats nothing, or too often")
        upper = "" if most is c.MAXREPEAT else most
        return f"(?:{_sequence(body)}){{{least},{upper}}}{'?' if what is c.MIN_REPEAT else ''}"
    raise Unsupported("a token pattern that looks around, or the like")


def _member(what, of):
    if what is c.NEGATE:
        return "^"
    if what is c.LITERAL:
        return _literal(of)
    if what is c.RANGE:
        return f"{_literal(of[0])}-{_literal(of[1])}"
    return CLASSES[of]


def _literal(code):
    if code >= 128 or (code < 32 and code not in SPACES):
        raise Unsupported("a token pattern with other characters than ASCII")
    return rf"\x{code:02x}"
