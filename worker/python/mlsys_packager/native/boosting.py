"""scikit-learn's boosted trees: `GradientBoosting…` and `HistGradientBoosting…`."""

import numpy as np

from . import kinds, registry, trees
from .kinds import Matrix, Says, Unsupported

LINKS = {
    "IdentityLink": {"link": "identity"},
    "LogLink": {"link": "exp"},
    "LogitLink": {"link": "logistic", "factor": 1.0},
    "HalfLogitLink": {"link": "logistic", "factor": 2.0},
    "MultinomialLogit": {"link": "softmax"},
}
PRIORS = {
    "IdentityLink": "identity",
    "LogitLink": "logit",
    "HalfLogitLink": "half_logit",
    "MultinomialLogit": "multinomial",
}


def export(model, x, writer):
    """A `scores` of `trees`."""
    histogram = hasattr(model, "_predictors")
    steps, node = (_histogram if histogram else _plain)(model, x, writer)
    classes = getattr(model, "classes_", None)
    link = LINKS.get(type(model._loss.link).__name__)
    if link is None:
        raise Unsupported("a loss with another link")
    if classes is None:
        return kinds.chain(steps, trees.scores(node, **link)), Says()
    kinds.plain_labels(classes)
    binary = "positive" if histogram else "not_negative"
    chances = hasattr(model._loss, "predict_proba")
    labels = "largest" if model.n_trees_per_iteration_ > 1 else binary
    node = trees.scores(node, **link, labels=labels, decision=True, probabilities=chances)
    return kinds.chain(steps, node), Says(classes, probabilities=chances, decision=True)


def _plain(model, x, writer):
    steps, matrix = kinds.checked(x, single=True)
    width = kinds.width_of(model, matrix)
    stages, count = model.estimators_.shape
    found = [tree.tree_ for tree in model.estimators_.ravel()]
    values = [model.learning_rate * tree.value[tree.children_left < 0, 0, 0] for tree in found]
    options = {"start": np.zeros(count)}
    init = model.init_
    if isinstance(init, str) or type(init).__name__ in ("DummyClassifier", "DummyRegressor"):
        if getattr(init, "strategy", "prior") in ("stratified", "uniform"):
            raise Unsupported("an init that draws at random")
        options["start"] = model._raw_predict_init(np.zeros((1, width), np.float32))[0]
    else:
        # It gets what trees get: 32-bit floats.
        rounded = {"op": "matrix", "width": width, "single": True}
        first, _ = registry.export(init, Matrix(width, single=True), writer)
        prior = {"op": "prior", "of": kinds.chain([rounded], first), "link": PRIORS[type(model._loss.link).__name__]}
        options["before"] = prior
    made = [trees.sklearn_tree(tree) for tree in found]
    groups = list(range(count)) * stages
    return steps, trees.node(writer, width, made, values, groups=groups, single=True, **options)


def _histogram(model, x, writer):
    if model._preprocessor is None:
        steps, matrix = kinds.as_matrix(x)
        width = kinds.width_of(model, matrix)
    else:
        steps, width = _encoded(model, x, writer)
    found = [tree for stage in model._predictors for tree in stage]
    made, values, sets = [], [], trees.Sets()
    for tree in found:
        nodes = tree.nodes
        leaf = nodes["is_leaf"] != 0
        made.append(
            {
                "feature": nodes["feature_idx"],
                "threshold": nodes["num_threshold"],
                "left": np.where(leaf, -1, nodes["left"].astype(np.int64)),
                "right": nodes["right"],
                "missing_left": nodes["missing_go_to_left"],
                "cover": nodes["count"],
            }
        )
        values.append(nodes["value"][leaf])
        sets.tree(len(nodes))
        for at in np.flatnonzero((nodes["is_categorical"] != 0) & ~leaf):
            sets.add(at, tree.raw_left_cat_bitsets[nodes["bitset_idx"][at]], nodes["missing_go_to_left"][at])
    start = np.ravel(model._baseline_prediction)
    groups = list(range(len(start))) * len(model._predictors)
    return steps, trees.node(writer, width, made, values, start=start, groups=groups, **sets.options(writer))


def _encoded(model, x, writer):
    """The steps that put categories first, as their places, and numbers behind them; and how many columns that makes.

    Whatever is not known is missing by then.
    """
    chosen = np.asarray(model.is_categorical_)
    kinds.width_of(model, x)
    places, others = np.flatnonzero(chosen).tolist(), np.flatnonzero(~chosen).tolist()
    encoder = model._preprocessor.named_transformers_["encoder"]
    first, _ = registry.export(encoder, x.take(places), writer)
    parts = [{"columns": places, "then": first}]
    if others:
        steps, _ = kinds.as_matrix(x.take(others))
        parts.append({"columns": others, "then": {"op": "chain", "steps": steps} if steps else None})
    return [{"op": "join", "parts": parts, "sparse": False}], x.width
