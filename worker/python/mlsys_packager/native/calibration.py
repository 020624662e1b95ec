"""`CalibratedClassifierCV`."""

import numpy as np

from . import kinds, members, voting
from .kinds import Says, Unsupported


def export(model, x, writer):
    """An `average` of classifiers with a `calibrate` behind each."""
    classes = kinds.plain_labels(model.classes_)
    parts = [(_calibrated(part, classes, x, writer), [{"of": "transform"}]) for part in model.calibrated_classifiers_]
    says = Says(classes, probabilities=True)
    mean = voting.average(len(parts), len(classes), None, says, writer)
    return {"op": "chain", "steps": [members.gather(parts), mean]}, says


def _calibrated(part, classes, x, writer):
    node, says = members.said(part.estimator, x, writer)
    known = np.asarray(says.classes)
    if len(known) < 2 or (known.dtype.kind == "f" and (known % 1 != 0).any()):
        raise Unsupported("calibrated labels that are fractions, or all the same")
    decides = hasattr(part.estimator, "decision_function")
    if not decides:
        members.probabilities(says)
    take = members.DECISION if decides else members.POSITIVE if len(known) == 2 else members.PROBABILITIES
    node = {"op": "chain", "steps": [members.gather([(node, [take])])]}
    if part.method == "temperature":
        if len(known) != len(classes) or says.single:
            raise Unsupported("a temperature for other classes, or for numbers of 32 bits")
        if not decides and _may_be_zero(part.estimator):
            raise Unsupported("a temperature for probabilities that may all be zero")
        beta = writer.array([float(part.calibrators[0].beta_)])
        node["steps"].append({"op": "calibrate", "classes": len(classes), "temperature": beta, "probabilities": not decides})
        return node
    # Two classes have one score.
    places = np.searchsorted(classes, known)[: 1 if len(known) == 2 else None]
    curves = []
    for place, calibrator in zip(places, part.calibrators, strict=False):
        curves.append({"place": int(place) + (len(classes) == 2), **_curve(calibrator, writer)})
    node["steps"].append({"op": "calibrate", "classes": len(classes), "curves": curves})
    return node


def _may_be_zero(estimator):
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
    return type(estimator).__name__ in ("FrozenEstimator", "GridSearchCV", "OneVsRestClassifier", "RandomizedSearchCV")


def _curve(calibrator, writer):
    if type(calibrator).__name__ == "_SigmoidCalibration":
        return {"line": writer.array([calibrator.a_, calibrator.b_])}
    if type(calibrator).__name__ != "IsotonicRegression":
        raise Unsupported(f"calibration by {type(calibrator).__name__}")
    x, y = calibrator.X_thresholds_, calibrator.y_thresholds_
    if x.dtype != y.dtype or x.dtype.name not in ("float64", "float32"):
        raise Unsupported(f"calibration curves of {x.dtype} and {y.dtype}")
    return {"x": writer.array(x), "y": writer.array(y), "single": x.dtype == np.float32}
