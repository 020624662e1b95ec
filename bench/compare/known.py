"""What differs from the peers on purpose, and why: the tables of docs/compatibility.md; and the count of what came out."""

import collections
from dataclasses import dataclass

TAKEN, REFUSED = "400, not 200", "200, not 400"
ANY = ()


@dataclass(frozen=True)
class Known:
    """A difference that is meant: `theirs` and `why` are for people, the rest says where it is to be met."""

    what: tuple  # what was sent, as `rows`, `scoring` and `inference` call it
    theirs: str
    why: str
    differences: tuple = (TAKEN,)  # the model-server's status and the peer's, or what else differs
    form: str = ""  # part of the form's name
    of: tuple = ()  # the models; if none is named, all

    def fits(self, model, what, form, difference):
        """Whether that is this difference."""
        named = (not self.what or what in self.what) and (not self.of or model in self.of)
        return named and difference in self.differences and self.form in f"{what}; {form}"

    def ours(self):
        """What the model-server does."""
        return {"400": "400", "200": "takes it"}.get(self.differences[0][:3], "answers")


CONVERTED = (
    "a number as text",
    "a truth for a number",
    "a fraction for a whole number",
    "another number for a truth",
    "text for a truth",
    "a number for text",
    "a truth for text",
    "a number for a moment",
)
# Met with both.
NONE_FOR_A_GAP = Known(
    ("null for text, where training had gaps",),
    "hands `None` to the model, which was trained on NaN and takes `None` for another category",
    "The gap is of the kind that training had.",
    ("other values",),
)
MLFLOW = [
    Known(
        CONVERTED,
        "converts the value to its column's type where it can; a fraction is cut off",
        "The answer would be for other rows than were sent. The 400 names the column.",
    ),
    Known(
        ("a number beyond 32 bits", "a number beyond 64 bits"),
        "rounds the number, or lets it overflow, in some of its forms",
        "The answer would be for another number.",
    ),
    Known(
        ("null for text", "null for a truth"),
        "hands `None` to the model, where training had no gap",
        "What the model makes of it, nobody has seen. The 400 names the column.",
    ),
    Known(
        ("null for a whole number, where training had gaps",),
        "refuses it: whole-number columns have no gaps in MLflow",
        "The estimator takes the gap.",
        (REFUSED,),
    ),
    NONE_FOR_A_GAP,
    Known(
        ("a list for a value", "an object for a value"),
        "hands it to models that do not look at it, or make text or a truth of it",
        "No column is of lists or objects.",
    ),
    Known(
        ("an infinity",),
        "takes `Infinity`, as Python writes it, for models that do",
        "It is no JSON.",
    ),
    Known(
        ("a whole number written as a fraction", "0 or 1 for a truth"),
        "refuses it in CSV; in JSON it takes it",
        "It is the same value in both.",
        (REFUSED,),
        "CSV",
    ),
    Known(
        ("text for a number", "CSV with a row too short"),
        "refuses a value that is empty or not there in CSV, where the column is of whole numbers",
        "It is a gap, which the estimator takes.",
        (REFUSED,),
    ),
    Known(
        ANY,
        "can't read a table with a column of moments as CSV",
        "Moments are read as in JSON.",
        (REFUSED,),
        "CSV",
        ("visits",),
    ),
    Known(
        ("a row too short",),
        "fills a row of a split up with missing values, where the model takes these",
        "A row that lost a value may have lost any.",
    ),
    Known(
        ("a moment with a time zone",),
        "refuses moments of which some name a time zone and some do not",
        "Each is read as what it says; one that names none is in UTC.",
        (REFUSED,),
    ),
    Known(
        ("a moment in another form",),
        "reads all moments of a column in the form of its first, and refuses the others",
        "Each is read as what it says.",
        (REFUSED,),
    ),
    Known(
        ("a key of a split that means nothing",),
        "refuses the body",
        "Keys that mean nothing are passed over everywhere.",
        (REFUSED,),
    ),
]
MLSERVER = [
    Known(
        ANY,
        "answers 422 where the request has not the protocol's form",
        "The protocol has 400 for it.",
        ("400, not 422",),
    ),
    Known(
        ANY,
        "answers 500 where decoding or the model fails on what was sent",
        "It is the client's to mend: 400, and what is wrong.",
        ("400, not 500",),
    ),
    Known(
        ANY,
        "scikit-learn's runtime takes tensors of columns only where they say `pd`",
        "The model's signature says that it takes columns.",
        (REFUSED, "200, not 500"),
        "no content types; sklearn",
    ),
    Known(
        ANY,
        "MLflow's runtime takes only the datatypes of the signature, and of whole numbers none with gaps",
        "Each datatype is taken that has the value.",
        ("200, not 500",),
        "mlflow",
    ),
    Known(
        ("a column too many", "columns in another order", "a column named twice"),
        "scikit-learn's runtime hands columns over as they come, which most models fail on",
        "Columns go by their names.",
        ("200, not 500",),
        "sklearn",
    ),
    Known(
        CONVERTED,
        "converts the value to its column's type, or hands it to the model as it is",
        "The answer would be for other rows than were sent. The 400 names the column.",
    ),
    Known(
        (
            "a number beyond 32 bits",
            "a number beyond 64 bits",
            "a number beyond a float of 32 bits",
            "null for text",
            "null for a truth",
            "null for a moment",
        ),
        "hands the value to the model",
        "Training had none such.",
    ),
    NONE_FOR_A_GAP,
    Known(
        ("null for a whole number, where training had gaps",),
        "makes a column of objects of it, which the model fails on",
        "The estimator takes the gap.",
        ("200, not 500",),
    ),
    Known(
        ("a list for a value", "an object for a value"),
        "hands it to models that do not look at it",
        "No column is of lists or objects.",
    ),
    Known(
        ("a list for a value",),
        "refuses lists of different depths in one tensor",
        "Elements are read in their order, however nested; as many as the shape says.",
        ("200, not 500",),
    ),
    Known(
        (
            "a shape of other numbers than data",
            "text for data",
            "a shape with a negative length",
            "a column of two values a row",
            "columns of different lengths",
            "a column named twice",
            "rows in one more list",
        ),
        "does not look at the shape of a column, and takes the last of two columns of one name",
        "What contradicts itself is refused.",
    ),
    Known(
        ("an unknown content type of the request", "an unknown content type of a tensor"),
        "refuses it, or hands the request itself to the model, or text as bytes, which are other categories",
        "The signature says what the tensors are.",
        ("200, not 500", REFUSED, "other values"),
    ),
    Known(
        ("a moment with a time zone",),
        "scikit-learn's runtime hands moments over in their own time zone, and as text where some name none",
        "The model was trained on moments without a zone, which are in UTC; so each is handed over in UTC.",
        ("200, not 500", "other values"),
        "sklearn",
    ),
    Known(
        ANY,
        "scikit-learn's runtime answers probabilities of 32 bits where the estimator was fitted on 32-bit numbers",
        "Probabilities have 64 bits, whatever computes them.",
        ("another datatype",),
        "sklearn",
        ("truths",),
    ),
    Known(
        ("another content type",),
        "takes JSON only where the header says so",
        "As with Triton, whose clients send none.",
        ("200, not 422",),
    ),
]


class Tally:
    """What came out of the comparison with one peer."""

    def __init__(self, peer, known):
        self.peer, self.known = peer, known
        self.asked = self.answered = self.refused = 0
        self.met = collections.Counter()
        self.unknown = []

    def add(self, statuses, case, difference, told):
        """Counts one request, by its model, what was unusual about it, and its form; `told` is for who looks into it."""
        self.asked += 1
        self.answered += statuses == (200, 200)
        self.refused += min(statuses) >= 400
        if difference is None:
            return
        model, what, form = case
        for known in self.known:
            if known.fits(model, what, form, difference):
                self.met[known] += 1
                return
        self.unknown.append(f"{self.peer}: {what}; {form}: {difference}\n{told}")

    def table(self):
        """The differences that were met."""
        yield "| sent | " + self.peer + " | mlsys, because | times |"
        yield "|---|---|---|---|"
        for known in self.known:
            if count := self.met[known]:
                yield f"| {', '.join(known.what) or 'any'} | {known.theirs} | {known.ours()}. {known.why} | {count} |"

    def __str__(self):
        same = self.asked - sum(self.met.values()) - len(self.unknown)
        return (
            f"{self.peer}: {self.asked} requests, {self.answered} answered by both, {self.refused} refused by both; "
            f"{same} alike, {sum(self.met.values())} different as listed, {len(self.unknown)} otherwise."
        )
