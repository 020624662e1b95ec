"""Python's regular expressions as Rust's, where both mean the same.

What a word character, a digit or a space is, and so a boundary, the two do not agree on. Where an expression asks for such, the engine
has one character stand for all others of its kind, and the expression may name ASCII characters only. Both languages prefer the
leftmost alternative; they differ in empty matches, which are refused.
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
    """The fields of an expression: it, and whether it goes by the kinds of characters."""
    parsed = _parser.parse(pattern)
    if parsed.state.flags & ~re.UNICODE or parsed.state.groups > 2:
        raise Unsupported("a token pattern with flags or several groups")
    if parsed.getwidth()[0] < 1:
        raise Unsupported("a token pattern that matches nothing")
    translation = _Translation()
    text = translation.sequence(parsed)
    if translation.by_kind and translation.others:
        raise Unsupported("a token pattern with kinds of characters, and others than ASCII")
    return {"pattern": text, "by_kind": translation.by_kind}


class _Translation:
    """`by_kind`: kinds of characters have been met. `others`: characters have been that are no text in ASCII."""

    def __init__(self):
        self.by_kind = self.others = False

    def sequence(self, parts):
        return "".join(self.one(*part) for part in parts)

    def one(self, what, of):
        if what is c.LITERAL:
            return self.literal(of)
        if what is c.NOT_LITERAL:
            return f"[^{self.literal(of)}]"
        if what is c.ANY:
            return "."
        if what is c.IN:
            return f"[{''.join(self.member(*member) for member in of)}]"
        if what is c.AT and of in PLACES:
            self.by_kind |= of in (c.AT_BOUNDARY, c.AT_NON_BOUNDARY)
            return PLACES[of]
        if what is c.BRANCH:
            return f"(?:{'|'.join(map(self.sequence, of[1]))})"
        if what is c.SUBPATTERN and not of[1] and not of[2]:
            return f"({'' if of[0] else '?:'}{self.sequence(of[3])})"
        if what in (c.MAX_REPEAT, c.MIN_REPEAT):
            return self.repeated(*of) + ("?" if what is c.MIN_REPEAT else "")
        raise Unsupported("a token pattern that looks around, or the like")

    def repeated(self, least, most, body):
        if body.getwidth()[0] < 1 or least > LONGEST or (most is not c.MAXREPEAT and most > LONGEST):
            raise Unsupported("a token pattern that repeats nothing, or too often")
        return f"(?:{self.sequence(body)}){{{least},{'' if most is c.MAXREPEAT else most}}}"

    def member(self, what, of):
        if what is c.NEGATE:
            return "^"
        if what is c.LITERAL:
            return self.literal(of)
        if what is c.RANGE:
            return f"{self.literal(of[0])}-{self.literal(of[1])}"
        self.by_kind = True
        return CLASSES[of]

    def literal(self, code):
        if 0xD800 <= code < 0xE000:
            raise Unsupported("a token pattern with halves of characters")
        self.others |= code >= 128 or (code < 32 and code not in SPACES)
        return rf"\x{{{code:x}}}"
