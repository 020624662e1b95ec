"""`SimpleImputer` of numbers, `MissingIndicator`, `KNNImputer` and `IterativeImputer`."""

import numbers

import numpy as np

from . import fills, kinds, registry
from .kinds import Matrix, Says, Table, Unsupported

# Such a share of a column's values must differ, or which row is nearest would be a matter of chance.
DISTINCT = 0.9


def export(imputer, x, writer):
    """An `impute`, `indicate`, `neighbour_impute` or `iterate`."""
    if isinstance(x, Table) and any(column.type == "text" for column in x.columns):
        if type(imputer).__name__ != "SimpleImputer":
            raise Unsupported(f"{type(imputer).__name__} of text")
        kinds.width_of(imputer, x)
        return fills.export(imputer, x, writer)
    missing = imputer.missing_values
    if not isinstance(missing, numbers.Real) or isinstance(missing, (bool, np.bool_)):
        if not (isinstance(x, Table) and fills.all_gaps_are_missing(x, missing)):
            raise Unsupported(f"{type(imputer).__name__} of missing values that are no number")
        missing = np.nan
    elif isinstance(x, Table) and any(column.gap == "none" for column in x.columns):
        raise Unsupported(f"{type(imputer).__name__} that leaves None as it is")
    steps, matrix = kinds.checked(x, nan=missing != missing)
    kinds.width_of(imputer, matrix)
    if matrix.sparse:
        raise Unsupported(f"{type(imputer).__name__} of a sparse matrix")
    node, out = _EXPORTS[type(imputer).__name__](imputer, matrix, writer)
    return kinds.chain(steps, {**node, "missing": None if missing != missing else float(missing)}), out


def _simple(imputer, matrix, writer):
    fill = _fill(imputer)
    if matrix.single:
        fill = fill.astype(np.float32).astype(float)
    indicator = _indicator(imputer)
    node = {"op": "impute", "fill": writer.array(fill), "indicator": indicator}
    # The other strategies compute with doubles.
    whole = matrix.whole and imputer.strategy in ("most_frequent", "constant")
    return node, Matrix(int((~np.isnan(fill)).sum()) + len(indicator), matrix.single, whole=whole)


def _fill(imputer):
    """What is put in, in the type that it is put in as."""
    if any(isinstance(value, str) for value in np.ravel(imputer.statistics_)):
        raise Unsupported("SimpleImputer that puts text among numbers")
    statistics = np.asarray(imputer.statistics_, dtype=float)
    if imputer.keep_empty_features and np.isnan(statistics).any():
        raise Unsupported("SimpleImputer that puts in NaN")
    kind = imputer._fill_dtype
    if kind.kind in "iuf":
        known = ~np.isnan(statistics)
        statistics[known] = np.asarray(imputer.statistics_)[known].astype(kind).astype(float)
    return statistics


def _indicator(imputer):
    return [] if imputer.indicator_ is None else [int(at) for at in imputer.indicator_.features_]


def _missing(indicator, matrix, writer):
    del writer
    columns = [int(at) for at in indicator.features_]
    strict = indicator.features == "missing-only" and indicator.error_on_new
    node = {
        "op": "indicate",
        "width": matrix.width,
        "columns": columns,
        "never": sorted(set(range(matrix.width)) - set(columns)) if strict else [],
        "sparse": indicator.sparse is True,
    }
    return node, Matrix(len(columns), sparse=indicator.sparse is True, whole=True)


def _iterative(imputer, matrix, writer):
    kinds.doubles(matrix, "IterativeImputer")
    if imputer.sample_posterior:
        raise Unsupported("IterativeImputer that draws what it puts in")
    fill = _fill(imputer.initial_imputer_)
    kept, indicator = int((~np.isnan(fill)).sum()), _indicator(imputer)
    steps, low, high = [], [], []
    for column, others, estimator in imputer.imputation_sequence_ if imputer.n_iter_ else ():
        if imputer.keep_empty_features and imputer._is_empty_feature[column]:
            continue
        then, said = registry.export(estimator, Matrix(len(others)), writer)
        if not isinstance(said, Says) or said.classes is not None or said.width != 1:
            raise Unsupported("IterativeImputer of an estimator that does not predict one number")
        steps.append({"column": int(column), "from": [int(at) for at in others], "then": then})
        low.append(imputer._min_value[column])
        high.append(imputer._max_value[column])
    node = {
        "op": "iterate",
        "fill": writer.array(fill),
        "indicator": indicator,
        "steps": steps,
        "low": writer.array(low),
        "high": writer.array(high),
    }
    return node, Matrix(kept + len(indicator))


def _neighbours(imputer, matrix, writer):
    kinds.doubles(matrix, "KNNImputer")
    if imputer.weights != "uniform" or imputer.metric != "nan_euclidean":
        # What is close to a row is at a distance that the library knows to half of its digits only.
        raise Unsupported("KNNImputer with weights, or another metric than its own")
    fitted = np.where(imputer._mask_fit_X, np.nan, imputer._fit_X)
    for column in fitted[:, imputer._valid_mask].T:
        known = column[~np.isnan(column)]
        if len(np.unique(known)) < DISTINCT * len(known):
            raise Unsupported("KNNImputer of columns whose values repeat, where several rows are as near")
    means = [float(column[~np.isnan(column)].mean()) if (~np.isnan(column)).any() else np.nan for column in fitted.T]
    keep, indicator = bool(imputer.keep_empty_features), _indicator(imputer)
    node = {
        "op": "neighbour_impute",
        "fitted": writer.array(fitted),
        "neighbours": int(imputer.n_neighbors),
        "means": writer.array(means),
        "keep": keep,
        "indicator": indicator,
    }
    return node, Matrix((matrix.width if keep else int(imputer._valid_mask.sum())) + len(indicator))


_EXPORTS = {
    "KNNImputer": _neighbours,
    "SimpleImputer": _simple,
    "MissingIndicator": _missing,
    "IterativeImputer": _iterative,
}
