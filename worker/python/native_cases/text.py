"""Text."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

TEXT = (
    "the a of Straße strasse ÉCOLE école naïve ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ İstanbul don't e-mail x2 3.14 ½ ² snake_case हिन्दी भाषा 東京 한국어 "
    "ǅ ﬁne ﬀ Ⓐ e\u0301 a\u0308 \u202fnarrow\xa0space tab\there new\nline two  spaces three\t \nmore \x1cfile\x1d ١٢٣ 12 abc ABC I K \u212a zero\u200dwidth "
    "good bad fine 🙂 👩\u200d👩 ー ｶﾅ ª º \u02c8 ǰ Ŀ ŉ \u017ft © ™ ⅷ \u3007 a_ _b __ -- good-bye O'Neill (x) [y] #tag @me a.b.c q"
)
WORDS = TEXT.split(" ")


def rows(draw, count):
    """Texts of all kinds of characters."""
    texts = [" ".join(draw.choice(WORDS, draw.integers(0, 12))) for _ in range(count)]
    return pd.Series(texts, name="words")


def table(draw, count):
    """The same beside numbers."""
    return pd.DataFrame({"n": draw.normal(size=count), "words": rows(draw, count), "kind": draw.choice(["p", "q"], count)})


def target(made, draw):
    """Something learnable."""
    texts = made if isinstance(made, pd.Series) else made["words"]
    return np.where(texts.str.contains("good") ^ (draw.random(len(texts)) < 0.1), "yes", "no")


def case(*steps):
    return lambda: make_pipeline(*steps, LogisticRegression()), rows, target


def alone(step):
    return lambda: step, rows, target


CASES = {
    "counts": case(CountVectorizer()),
    "counts_binary": case(CountVectorizer(binary=True, max_df=0.9, min_df=2)),
    "counts_pairs": case(CountVectorizer(ngram_range=(1, 3), stop_words="english")),
    "counts_given": case(CountVectorizer(vocabulary=["good", "bad", "fine"])),
    "tfidf": case(TfidfVectorizer()),
    "tfidf_sublinear": case(TfidfVectorizer(sublinear_tf=True, norm="l1", smooth_idf=False, stop_words=["good", "the"])),
    "tfidf_plain": case(TfidfVectorizer(use_idf=False, norm=None, lowercase=False, ngram_range=(2, 2))),
    "tfidf_accents": case(TfidfVectorizer(strip_accents="unicode")),
    "tfidf_ascii": case(TfidfVectorizer(strip_accents="ascii", token_pattern=r"\w+")),
    "char": case(TfidfVectorizer(analyzer="char", ngram_range=(1, 3))),
    "char_longer": case(CountVectorizer(analyzer="char", ngram_range=(2, 4), strip_accents="unicode")),
    "char_wb": case(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5))),
    "char_wb_long": case(CountVectorizer(analyzer="char_wb", ngram_range=(7, 9), lowercase=False)),
    "pattern_letters": case(TfidfVectorizer(token_pattern=r"(?u)\b[a-zA-Z]{2,}\b")),
    "pattern_any": case(CountVectorizer(token_pattern=r"\S+")),
    "pattern_group": case(CountVectorizer(token_pattern=r"(?:\b|@)(\w+)[-'.]?")),
    "pattern_lazy": case(CountVectorizer(token_pattern=r"[^\W\d_]+?\b|\d+(?:\.\d+)?")),
    "pattern_word_dash": case(CountVectorizer(token_pattern=r"\b\w[\w'-]*\w\b")),
    "hashing": case(HashingVectorizer(n_features=64)),
    "hashing_plain": case(HashingVectorizer(n_features=100, alternate_sign=False, norm=None, ngram_range=(1, 2))),
    "hashing_binary": case(HashingVectorizer(n_features=2**18, binary=True, norm="l1")),
    "two_steps": case(CountVectorizer(), TfidfTransformer()),
    "union": case(make_union(TfidfVectorizer(), TfidfVectorizer(analyzer="char", ngram_range=(2, 3)))),
    "transformer": alone(TfidfVectorizer()),
    "column": (
        lambda: make_pipeline(
            make_column_transformer((TfidfVectorizer(), "words"), ("passthrough", ["n"])), LogisticRegression(max_iter=500)
        ),
        table,
        target,
    ),
    "column_forest": (
        lambda: make_pipeline(make_column_transformer((CountVectorizer(), "words")), RandomForestClassifier(10)),
        table,
        target,
    ),
}
