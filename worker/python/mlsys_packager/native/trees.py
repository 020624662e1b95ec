"""The operators `trees` and `scores`, which all estimators made of trees are exported as."""

import numpy as np


def node(writer, columns, trees, values, **options):
    """A `trees`.

    `trees`: of each, the arrays `feature`, `threshold`, `left` and `right` (below 0 for a leaf), `missing_left`, and `cover`: how
    many rows it was fitted on reached each node, by weight, or `None` where that is not known. `values`: of each tree, those of its leaves in the order of its nodes. `options`: `start`, `groups`, `divide`, `single` (numbers are
    compared as 32-bit floats), `single_sums`, `strict` (what equals a threshold goes right), and others of the operator.
    """
    made = {
        "op": "trees",
        "columns": columns,
        "single": False,
        "single_sums": False,
        "strict": False,
        "one_hot": False,
        "sizes": writer.array([len(tree["left"]) for tree in trees], "u4"),
        "feature": writer.array(_joined(trees, "feature", "i4"), "i4"),
        "threshold": writer.array(_joined(trees, "threshold", "f8")),
        "left": writer.array(_joined(trees, "left", "i4"), "i4"),
        "right": writer.array(_joined(trees, "right", "i4"), "i4"),
        "missing_left": writer.array(_joined(trees, "missing_left", "u1"), "u1"),
        "values": writer.array(np.concatenate([np.ravel(value) for value in values]) if values else []),
    }
    if values and all(tree["cover"] is not None and len(tree["cover"]) == len(tree["left"]) for tree in trees):
        # The cover of a node is that of its leaves together.
        made["covers"] = writer.array(np.concatenate([tree["cover"][np.asarray(tree["left"]) < 0] for tree in trees]))
    options["start"] = writer.array(options["start"])
    if "groups" in options:
        options["groups"] = writer.array(options["groups"], "u4")
    return {**made, **options}


def _joined(trees, name, dtype):
    joined = np.empty(sum(len(tree["left"]) for tree in trees), dtype)
    start = 0
    for tree in trees:
        end = start + len(tree["left"])
        joined[start:end] = tree[name]
        start = end
    return joined


def sklearn_tree(tree, columns=None):
    """A fitted `sklearn.tree._tree.Tree`. `columns`: which of the estimator's columns its own are."""
    feature = tree.feature
    if columns is not None:
        feature = np.where(feature < 0, 0, np.asarray(columns)[np.maximum(feature, 0)])
    return {
        "feature": feature,
        "threshold": tree.threshold,
        "left": tree.children_left,
        "right": tree.children_right,
        "missing_left": tree.missing_go_to_left,
        "cover": tree.weighted_n_node_samples,
    }


def scores(of, link="identity", labels=None, decision=False, probabilities=False, pair=True, **options):
    """A `scores` of the operator `of`. `pair`: of one probability, the other class has the rest."""
    return {
        "op": "scores",
        "of": of,
        "link": link,
        "labels": labels,
        "decision": decision,
        "probabilities": probabilities,
        "pair": pair,
        **options,
    }


class Sets:
    """The sets of categories that go left, node by node of tree by tree."""

    def __init__(self):
        self._first, self._size = 0, 0
        self._nodes, self._starts, self._bits, self._missing_left = [], [0], [], []

    def tree(self, size):
        """Of the next tree, which has so many nodes."""
        self._first, self._size = self._size, self._size + size

    def add(self, node, words, missing_left=False):
        """That of one of its nodes: bits, in words of 32."""
        self._nodes.append(self._first + node)
        self._bits.extend(int(word) for word in words)
        self._starts.append(len(self._bits))
        self._missing_left.append(bool(missing_left))

    def options(self, writer):
        """What `trees` reads; nothing if there are none."""
        if not self._nodes:
            return {}
        places = np.full(self._size, -1, "i4")
        places[self._nodes] = np.arange(len(self._nodes))
        return {
            "set": writer.array(places, "i4"),
            "set_starts": writer.array(self._starts, "u4"),
            "set_bits": writer.array(self._bits, "u4"),
            "set_missing_left": writer.array(self._missing_left, "u1"),
        }


def bits(places):
    """A set of places as bits, in words of 32."""
    words = [0] * (max(places, default=0) // 32 + 1)
    for place in places:
        words[place // 32] |= 1 << place % 32
    return words
