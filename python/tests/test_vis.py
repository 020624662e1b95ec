"""Charts: that each shows the numbers it was given, and says what is wrong with others."""

from __future__ import annotations

import io
import unittest
from typing import Any

import numpy as np
import pandas as pd
from mlsys import vis
from mlsys.errors import InvalidInput

try:
    import matplotlib
    import matplotlib.pyplot as plt
    import sklearn.metrics
    from matplotlib.figure import Figure
except ImportError as error:
    raise unittest.SkipTest("matplotlib or scikit-learn is not installed: pip install '.[vis]'") from error

matplotlib.use("Agg")

TRUE = [0, 0, 1, 1, 1, 0]
SCORES = [0.1, 0.6, 0.35, 0.8, 0.9, 0.2]
FRAME = pd.DataFrame(
    {
        "age": [20.0, 30.0, np.nan, 50.0],
        "plan": ["basic", "pro", "basic", None],
        "kind": pd.Categorical(["x", "y", "x", "x"]),
        "alive": [True, False, True, True],
        "visits": pd.array([1, None, 3, 4], "Int64"),
    }
)


def texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def ticks(labels: Any) -> list[str]:
    return [label.get_text() for label in labels]


class Charts(unittest.TestCase):
    def drawn(self, figure: Any) -> Any:
        """The figure's first chart, after it was drawn once as a notebook does."""
        self.assertIsInstance(figure, Figure)
        file = io.BytesIO()
        figure.savefig(file, format="png")
        self.assertTrue(file.getvalue().startswith(b"\x89PNG"))
        return figure.axes[0]

    def test_metrics_as_bars(self) -> None:
        axes = self.drawn(vis.metrics({"accuracy": 0.9, "f1": 0.25}))
        self.assertEqual([bar.get_height() for bar in axes.patches], [0.9, 0.25])
        self.assertEqual(texts(axes), ["0.9", "0.25"])
        self.assertEqual(ticks(axes.get_xticklabels()), ["accuracy", "f1"])

    def test_metrics_of_several_models(self) -> None:
        axes = self.drawn(vis.metrics({"forest": {"accuracy": 0.9}, "tree": {"accuracy": 0.7}}))
        self.assertEqual(ticks(axes.get_legend().get_texts()), ["forest", "tree"])
        self.assertEqual([bar.get_height() for bar in axes.patches], [0.9, 0.7])

    def test_metrics_as_a_table(self) -> None:
        axes = self.drawn(vis.metrics({"forest": {"accuracy": 0.91234}, "tree": {"accuracy": 0.7}}, kind="table"))
        cells = {place: cell.get_text().get_text() for place, cell in axes.tables[0].get_celld().items()}
        rows = [[cells[row, column] for column in range(3)] for row in range(2)]
        self.assertEqual(rows, [["", "forest", "tree"], ["accuracy", "0.9123", "0.7"]])

    def test_confusion_matrix(self) -> None:
        axes = self.drawn(vis.confusion_matrix(np.array(["no", "no", "yes", "yes"]), ["no", "yes", "yes", "yes"]))
        self.assertEqual(texts(axes), ["1", "1", "0", "2"])
        self.assertEqual(ticks(axes.get_yticklabels()), ["no", "yes"])
        self.assertEqual(axes.images[0].get_cmap().name, "cividis")
        axes = self.drawn(vis.confusion_matrix([1, 1, 0], [1, 0, 0], labels=[1, 0], normalize=True))
        self.assertEqual(texts(axes), ["0.50", "0.50", "0.00", "1.00"])

    def test_figures_of_the_confusion_matrix_stand_out_from_their_ground(self) -> None:
        axes = self.drawn(vis.confusion_matrix([0, 0, 0, 1], [0, 0, 0, 1]))
        self.assertEqual([text.get_color() for text in axes.texts], ["black", "white", "white", "white"])

    def test_roc(self) -> None:
        axes = self.drawn(vis.roc(TRUE, {"forest": SCORES, "tree": pd.Series(SCORES[::-1])}))
        area = sklearn.metrics.roc_auc_score(TRUE, SCORES)
        self.assertEqual(axes.lines[0].get_label(), f"forest (area {area:.3f})")
        self.assertEqual([line.get_linestyle() for line in axes.lines[:2]], ["-", "--"])

    def test_roc_of_another_positive_class(self) -> None:
        labels = ["good" if value else "bad" for value in TRUE]
        self.assertIn("(area 0.889)", self.drawn(vis.roc(labels, SCORES)).lines[0].get_label())
        self.assertIn("(area 0.111)", self.drawn(vis.roc(labels, SCORES, positive="bad")).lines[0].get_label())

    def test_calibration(self) -> None:
        line = self.drawn(vis.calibration([0, 1, 1, 1], [0.2, 0.2, 0.9, 0.7], bins=2)).lines[0]
        np.testing.assert_allclose(line.get_xydata(), [[0.2, 0.5], [0.8, 1.0]])

    def test_feature_importance(self) -> None:
        axes = self.drawn(vis.feature_importance(["a", "b", "c"], np.array([0.1, -3, 2]), top=2))
        self.assertEqual(ticks(axes.get_yticklabels()), ["b", "c"])
        self.assertEqual([bar.get_width() for bar in axes.patches], [-3, 2])
        self.assertNotEqual(axes.patches[0].get_facecolor(), axes.patches[1].get_facecolor())

    def test_missing_values(self) -> None:
        axes = self.drawn(vis.missing_values(FRAME.assign(gone=None)))
        self.assertEqual(ticks(axes.get_yticklabels()), ["gone", "age", "plan", "visits"])
        self.assertEqual([bar.get_width() for bar in axes.patches], [100, 25, 25, 25])
        self.assertEqual(self.drawn(vis.missing_values(FRAME[["alive"]])).get_title(), "No missing values")

    def test_distributions(self) -> None:
        figure = vis.distributions(FRAME)
        self.drawn(figure)
        shown = [axes for axes in figure.axes if axes.get_visible()]
        self.assertEqual([axes.get_title() for axes in shown], list(FRAME.columns))
        self.assertEqual(sum(shown[0].patches[0].get_data().values), 3)
        self.assertEqual(ticks(shown[1].get_yticklabels()), ["basic", "pro"])
        self.assertEqual([bar.get_width() for bar in shown[1].patches], [2, 1])

    def test_distributions_by_a_column(self) -> None:
        figure = vis.distributions(FRAME, columns=["plan", "age"], by="alive")
        axes = self.drawn(figure)
        self.assertEqual(ticks(axes.get_legend().get_texts()), ["False", "True"])
        self.assertEqual([bar.get_width() for bar in axes.patches], [0, 1, 1, 0])

    def test_distributions_of_what_is_hard_to_draw(self) -> None:
        frame = pd.DataFrame(
            {"inf": [1.0, np.inf], "gaps": [np.nan, np.nan], "same": [5, 5], "days": pd.to_datetime(["2024-01-01"] * 2)}
        )
        self.drawn(vis.distributions(frame))

    def test_figures_are_closed_and_leave_the_style_alone(self) -> None:
        before = dict(matplotlib.rcParams)
        vis.metrics({"a": 1.0})
        self.assertEqual(plt.get_fignums(), [])
        self.assertEqual(dict(matplotlib.rcParams), before)

    def test_wrong_arguments(self) -> None:
        cases: list[tuple[Any, str]] = [
            (lambda: vis.metrics({}), "no metrics"),
            (lambda: vis.metrics({"a": 1.0}, kind="pie"), "'bar' or 'table'"),  # type: ignore[arg-type]
            (lambda: vis.confusion_matrix([1], [1, 0]), "y_true has 1 values and y_pred has 2"),
            (lambda: vis.roc([0, 1, 2], [0.1, 0.2, 0.3]), "is for two"),
            (lambda: vis.roc([0, 1], [0.1, 0.2], positive=7), "is for two"),
            (lambda: vis.roc([0, 1], np.zeros((2, 2))), r"predict_proba\(X\)\[:, 1\]"),
            (lambda: vis.calibration([0, 1], [0.1, 2.0]), "outside 0 to 1"),
            (lambda: vis.feature_importance(["a"], []), "importances has 0"),
            (lambda: vis.missing_values(pd.DataFrame()), "DataFrame with columns"),
            (lambda: vis.distributions(FRAME, columns=["nothing"]), "no column 'nothing'"),
            (lambda: vis.distributions(FRAME, columns=[]), "no column to draw"),
        ]
        for call, message in cases:
            with self.subTest(message), self.assertRaisesRegex(InvalidInput, message):
                call()


if __name__ == "__main__":
    unittest.main()
