"""Makes `titanic.csv`: 891 invented passengers in the shape of the well-known data set (`python make_titanic.py > titanic.csv`).

No row is a real person. Columns, missing values and the way survival hangs on class, sex, age and family follow the
original's proportions, so that a notebook written for one runs on the other.
"""

import sys

import numpy as np
import pandas as pd

ROWS = 891
SURNAMES = [
    "Alder",
    "Birch",
    "Crane",
    "Dover",
    "Ellis",
    "Frost",
    "Grant",
    "Heath",
    "Irwin",
    "Joyce",
    "Kemp",
    "Lowe",
    "Marsh",
    "Nash",
    "Olsen",
    "Price",
    "Quinn",
    "Reeve",
    "Stone",
    "Thorn",
    "Upton",
    "Vance",
    "Webb",
    "Yates",
]
MEN = ["Albert", "Carl", "Edward", "Frank", "George", "Henry", "James", "John", "Oscar", "Peter", "Thomas", "William"]
WOMEN = ["Ada", "Alice", "Clara", "Edith", "Emma", "Florence", "Hannah", "Ida", "Lily", "Mary", "Rose", "Sarah"]


def passengers(draw):
    """The table, drawn from a random generator."""
    pclass = draw.choice([1, 2, 3], ROWS, p=[0.24, 0.21, 0.55])
    female = draw.random(ROWS) < np.select([pclass == 1, pclass == 2], [0.44, 0.41], 0.29)
    child = draw.random(ROWS) < np.where(pclass == 1, 0.03, 0.11)
    age = np.where(child, draw.uniform(0.5, 14, ROWS), np.clip(draw.normal(44 - 5 * pclass, 12, ROWS), 16, 80))
    age = np.where(age < 1, age.round(2), age.round())
    siblings = np.where(
        child,
        draw.choice([0, 1, 2, 3, 4], ROWS, p=[0.2, 0.35, 0.2, 0.1, 0.15]),
        draw.choice([0, 1, 2], ROWS, p=[0.72, 0.25, 0.03]),
    )
    parents = np.where(
        child, draw.choice([0, 1, 2], ROWS, p=[0.05, 0.5, 0.45]), draw.choice([0, 1, 2], ROWS, p=[0.86, 0.09, 0.05])
    )
    port = draw.choice(["S", "C", "Q"], ROWS, p=[0.72, 0.19, 0.09])
    base = np.select([pclass == 1, pclass == 2], [52.0, 15.5], 8.2)
    fare = (base * draw.lognormal(0, np.where(pclass == 1, 0.55, 0.22), ROWS) * (1 + 0.45 * (siblings + parents))).round(4)
    family = siblings + parents
    odds = (
        3.6 * female
        + 1.3 * (pclass == 1)
        - 1.1 * (female & (pclass == 3))
        - 0.022 * (age - 30)
        + 1.6 * (age < 13)
        - 0.35 * np.maximum(family - 2, 0)
        + 0.35 * (port == "C")
        - 1.8
    )
    survived = draw.random(ROWS) < 1 / (1 + np.exp(-odds))
    cabin = [
        f"{draw.choice(list('ABCDE'))}{draw.integers(1, 130)}" if draw.random() < keep else None
        for keep in np.select([pclass == 1, pclass == 2], [0.81, 0.09], 0.025)
    ]
    table = pd.DataFrame(
        {
            "PassengerId": np.arange(1, ROWS + 1),
            "Survived": survived.astype(int),
            "Pclass": pclass,
            "Name": [name(draw, *person) for person in zip(female, age, family, strict=True)],
            "Sex": np.where(female, "female", "male"),
            "Age": age,
            "SibSp": siblings,
            "Parch": parents,
            "Ticket": draw.integers(2_000, 390_000, ROWS).astype(str),
            "Fare": fare,
            "Cabin": cabin,
            "Embarked": port,
        }
    )
    table.loc[draw.choice(ROWS, 177, replace=False), "Age"] = np.nan
    table.loc[draw.choice(ROWS, 2, replace=False), "Embarked"] = None
    return table


def name(draw, female, age, family):
    """An invented name with the title that fits."""
    title = ("Mrs" if family and age > 20 else "Miss") if female else ("Master" if age < 14 else "Mr")
    return f"{draw.choice(SURNAMES)}, {title}. {draw.choice(WOMEN if female else MEN)}"


if __name__ == "__main__":
    passengers(np.random.default_rng(1912)).to_csv(sys.stdout, index=False)
