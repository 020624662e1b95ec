"""Models that the native engine is compared on, by family.

Each module has `CASES`: by name, `(make, rows, target)`: `make()` gives an unfitted estimator; `rows` and `target` name what it
is fitted on (`model_cases.data`), or `rows` is a function `(draw, count)` that gives rows, and `target` one of these rows and
`draw` that gives the target.
"""
