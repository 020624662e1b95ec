"""Charts for looking at data and models. Each function returns a matplotlib ``Figure``, which a notebook shows by itself.

The colours are Okabe and Ito's or the map ``cividis``, which people with any kind of colour blindness can tell apart; lines differ in
their dashes as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from mlsys.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# One number for each row: a list, an array or a column.
Numbers = Any
Labels = Any

# Okabe and Ito's colours, without their yellow: it is too pale on white.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000"]
_DASHES: list[Any] = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
_MOST_CATEGORIES = 20


def metrics(
    values: Mapping[str, float] | Mapping[str, Mapping[str, float]], kind: Literal["bar", "table"] = "bar"
) -> Figure:
    """Metrics by name, or for several models ``{model: {metric: value}}``, as bars or as a table."""
    import pandas as pd

    if kind not in ("bar", "table"):
        raise InvalidInput(f"kind is {kind!r}: use 'bar' or 'table'")
    if not values:
        raise InvalidInput("there are no metrics to show")
    nested = all(isinstance(value, Mapping) for value in values.values())
    frame = pd.DataFrame(values if nested else {"value": values}).astype(float)
    if kind == "table":
        return _metrics_table(frame)
    with _figure(width=max(5.0, 1.2 * len(frame)), height=4.0) as (figure, axes):
        width = 0.8 / len(frame.columns)
        for position, name in enumerate(frame.columns):
            left = [row + position * width for row in range(len(frame))]
            bars = axes.bar(left, frame[name], width, label=name, color=COLOURS[position % len(COLOURS)])
            axes.bar_label(bars, fmt="%.3g", fontsize=8)
        axes.set_xticks([row + 0.4 - width / 2 for row in range(len(frame))], [str(name) for name in frame.index])
        axes.margins(y=0.12)
        if nested:
            axes.legend()
    return figure


def confusion_matrix(y_true: Labels, y_pred: Labels, labels: Sequence[Any] | None = None, normalize: bool = False) -> Figure:
    """How often each class was taken for which; with ``normalize``, as a share of the true class."""
    sklearn_metrics = _sklearn("metrics")
    true, predicted = _pair("y_true", y_true, "y_pred", y_pred)
    names = list(labels) if labels is not None else sorted({*true, *predicted}, key=lambda label: (str(type(label)), label))
    counts = sklearn_metrics.confusion_matrix(true, predicted, labels=names, normalize="true" if normalize else None)
    side = max(4.0, 0.6 * len(names) + 2)
    highest = 1 if normalize else max(int(counts.max()), 1)
    with _figure(width=side + 1, height=side) as (figure, axes):
        image = axes.imshow(counts, cmap="cividis", vmin=0, vmax=highest)
        figure.colorbar(image, ax=axes, label="share of the true class" if normalize else "rows")
        for (row, column), count in _cells(counts):
            text = f"{count:.2f}" if normalize else f"{count}"
            # The upper half of cividis is light: dark figures are readable there, white ones below.
            axes.text(column, row, text, ha="center", va="center", color="black" if count > highest / 2 else "white")
        ticks = [str(name) for name in names]
        axes.set_xticks(range(len(names)), ticks, rotation=45 if max(map(len, ticks)) > 4 else 0)
        axes.set_yticks(range(len(names)), ticks)
        axes.set(xlabel="predicted", ylabel="true", title="Confusion matrix")
    return figure


def roc(y_true: Labels, scores: Numbers | Mapping[str, Numbers], positive: Any = None) -> Figure:
    """The share of positives found against the share of negatives taken for positive, for one model or ``{model: scores}``.

    ``positive`` is the class that high scores speak for; without it, the greater of the two.
    """
    sklearn_metrics = _sklearn("metrics")
    with _figure(width=5.5, height=5.0) as (figure, axes):
        for position, (name, values) in enumerate(_named(scores)):
            truth, numbers = _binary(y_true, values, name, positive)
            false, true, _ = sklearn_metrics.roc_curve(truth, numbers)
            area = sklearn_metrics.auc(false, true)
            axes.plot(false, true, label=f"{name} (area {area:.3f})", **_line(position))
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":", label="guessing")
        axes.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC", aspect="equal")
        axes.legend(loc="lower right")
    return figure


def calibration(
    y_true: Labels, probabilities: Numbers | Mapping[str, Numbers], bins: int = 10, positive: Any = None
) -> Figure:
    """How often the positive class came true against the probability that was predicted for it."""
    sklearn_calibration = _sklearn("calibration")
    with _figure(width=5.5, height=5.0) as (figure, axes):
        for position, (name, values) in enumerate(_named(probabilities)):
            truth, numbers = _binary(y_true, values, name, positive)
            if not all(0 <= number <= 1 for number in numbers):
                raise InvalidInput(f"{name} has probabilities outside 0 to 1: use predict_proba, not decision_function")
            came_true, predicted = sklearn_calibration.calibration_curve(truth, numbers, n_bins=bins)
            axes.plot(predicted, came_true, label=name, marker="o", markersize=4, **_line(position))
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":", label="perfect")
        axes.set(xlabel="predicted probability", ylabel="share that came true", title="Calibration", aspect="equal")
        axes.legend(loc="upper left")
    return figure


def feature_importance(names: Sequence[str], importances: Numbers, top: int = 20) -> Figure:
    """The ``top`` features with the largest importance, by size; negative ones (such as coefficients) in another colour."""
    labels, numbers = _pair("names", names, "importances", importances)
    largest = sorted(zip(labels, map(float, numbers), strict=True), key=lambda pair: -abs(pair[1]))[:top]
    with _figure(width=6.5, height=0.3 * len(largest) + 1.5) as (figure, axes):
        colours = [COLOURS[0] if number >= 0 else COLOURS[3] for _, number in largest]
        bars = axes.barh(range(len(largest)), [number for _, number in largest], color=colours)
        axes.bar_label(bars, fmt="%.3g", padding=3, fontsize=8)
        axes.set_yticks(range(len(largest)), [str(label) for label, _ in largest])
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(xlabel="importance", title="Feature importance")
    return figure


def missing_values(df: pd.DataFrame) -> Figure:
    """The share of gaps in each column that has any, the largest first."""
    _check_frame(df)
    shares = df.isna().mean()
    shares = shares[shares > 0].sort_values(ascending=False)
    with _figure(width=6.5, height=0.3 * max(len(shares), 1) + 1.5) as (figure, axes):
        bars = axes.barh(range(len(shares)), shares.to_numpy() * 100, color=COLOURS[0])
        axes.bar_label(bars, fmt="%.1f %%", padding=3, fontsize=8)
        axes.set_yticks(range(len(shares)), [str(name) for name in shares.index])
        axes.invert_yaxis()
        axes.set(xlim=(0, 112), xlabel="% of the rows", title="Missing values" if len(shares) else "No missing values")
    return figure


def distributions(df: pd.DataFrame, columns: Sequence[str] | None = None, by: str | None = None) -> Figure:
    """A small chart for each column: a histogram of numbers, bars for the most frequent of other values.

    With ``by``, the rows are split by that column's values, and each part is drawn as shares of itself.
    """
    _check_frame(df)
    unknown = [name for name in [*(columns or []), *([by] if by is not None else [])] if name not in df.columns]
    if unknown:
        raise InvalidInput(f"the DataFrame has no column {unknown[0]!r}; its columns are {list(df.columns)}")
    chosen = [name for name in (columns if columns is not None else df.columns) if name != by]
    if not chosen:
        raise InvalidInput("there is no column to draw: name some in columns")
    parts = (
        [("all rows", df)]
        if by is None
        else [(str(value), rows) for value, rows in df.groupby(by, observed=True, dropna=False)]
    )
    across = min(3, len(chosen))
    down = math.ceil(len(chosen) / across)
    with _figure(width=4.0 * across, height=3.0 * down, rows=down, columns=across) as (figure, first):
        for axes, name in zip(figure.axes, chosen, strict=False):
            _distribution(axes, str(name), [(label, rows[name].dropna()) for label, rows in parts], shares=by is not None)
        for axes in figure.axes[len(chosen) :]:
            axes.set_visible(False)
        if by is not None:
            first.legend(title=by, fontsize=8)
    return figure


def _distribution(axes: Axes, title: str, parts: list[tuple[str, pd.Series[Any]]], shares: bool) -> None:
    """One column's values, each part in a colour of its own."""
    import numpy as np
    import pandas as pd
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    everything = pd.concat([values for _, values in parts])
    numeric = is_numeric_dtype(everything) and not is_bool_dtype(everything)
    if numeric:
        numbers = everything.to_numpy(dtype=float)
        edges = np.histogram_bin_edges(numbers[np.isfinite(numbers)], bins=30)
    else:
        names = everything.astype(str).value_counts().index[:_MOST_CATEGORIES]
    for position, (label, values) in enumerate(parts):
        line = _line(position)
        weight = 1 / max(len(values), 1) if shares else 1
        if numeric:
            heights, _ = np.histogram(values.to_numpy(dtype=float), bins=edges)
            axes.stairs(heights * weight, edges, fill=not shares, label=label, **line)
        else:
            counts = values.astype(str).value_counts().reindex(names, fill_value=0) * weight
            height = 0.8 / len(parts)
            middles = np.arange(len(names)) + (position - (len(parts) - 1) / 2) * height
            axes.barh(middles, counts.to_numpy(), height, label=label, color=line["color"])
    if not numeric:
        axes.set_yticks(range(len(names)), [name if len(name) <= 24 else name[:23] + "…" for name in names])
        axes.invert_yaxis()
    axes.set_title(title)


def _metrics_table(frame: pd.DataFrame) -> Figure:
    with _figure(width=2.2 + 1.6 * len(frame.columns), height=0.35 * len(frame) + 0.8) as (figure, axes):
        axes.axis("off")
        cells = [
            [str(name), *(f"{value:.4g}" for value in row)] for name, row in zip(frame.index, frame.to_numpy(), strict=True)
        ]
        axes.table(cellText=cells, colLabels=["", *map(str, frame.columns)], loc="center", cellLoc="right").scale(1, 1.4)
    return figure


@contextmanager
def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> Iterator[tuple[Figure, Axes]]:
    """A figure and its first axes, in this module's style, which other charts of the notebook do not take over."""
    try:
        import matplotlib
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise Unavailable("matplotlib is not installed: pip install 'mlsys[vis]'") from error

    style: Any = {"axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 150}
    with matplotlib.rc_context(style):
        figure, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", squeeze=False)
        # Made by pyplot, so that notebooks can show it; closed there, so that they show it once and it is freed.
        plt.close(figure)
        yield figure, axes[0][0]


def _line(position: int) -> dict[str, Any]:
    return {"color": COLOURS[position % len(COLOURS)], "linestyle": _DASHES[position % len(_DASHES)]}


def _sklearn(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"sklearn.{module}")
    except ImportError as error:
        raise Unavailable("scikit-learn is not installed: pip install 'mlsys[vis]'") from error


def _cells(matrix: np.ndarray[Any, Any]) -> Iterator[tuple[tuple[int, ...], Any]]:
    import numpy as np

    return iter(np.ndenumerate(matrix))


def _named(values: Numbers | Mapping[str, Numbers]) -> list[tuple[str, Numbers]]:
    return list(values.items()) if isinstance(values, Mapping) else [("model", values)]


def _pair(one_name: str, one: Any, other_name: str, other: Any) -> tuple[list[Any], list[Any]]:
    """Two arguments as lists, which must be of one length and not empty."""
    ones, others = list(one), list(other)
    if len(ones) != len(others) or not ones:
        raise InvalidInput(
            f"{one_name} has {len(ones)} values and {other_name} has {len(others)}: both need the same number, at least one"
        )
    return ones, others


def _binary(y_true: Labels, values: Numbers, name: str, positive: Any) -> tuple[list[bool], list[float]]:
    """Which rows are of the positive class, and their scores."""
    truth, numbers = _pair("y_true", y_true, name, values)
    classes = sorted(set(truth))
    if len(classes) != 2 or (positive is not None and positive not in classes):
        raise InvalidInput(
            f"y_true has the classes {classes[:5]}: this chart is for two, of which positive (if given) is one"
        )
    chosen = classes[1] if positive is None else positive
    try:
        return [label == chosen for label in truth], [float(number) for number in numbers]
    except TypeError as error:
        raise InvalidInput(f"{name} must have one number for each row, such as predict_proba(X)[:, 1]") from error


def _check_frame(df: pd.DataFrame) -> None:
    import pandas as pd

    if not isinstance(df, pd.DataFrame) or not len(df.columns) or not len(df):
        raise InvalidInput("give a DataFrame with columns and rows")
