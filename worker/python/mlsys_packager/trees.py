"""Sums of decision trees as nodes of ONNX's domain `ai.onnx.ml`, version 3: `TreeEnsembleRegressor`.

A tree is anything with the arrays of scikit-learn's `tree_`: `children_left` (negative in a leaf), `children_right`,
`feature`, `threshold`, `missing_go_to_left`, each `[nodes]`, and `value`, `[nodes, 1, outputs]`.
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass
class Tree:
    """A tree with one output that did not come from scikit-learn."""

    children_left: np.ndarray
    children_right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_go_to_left: np.ndarray
    value: np.ndarray


def sums_in_float(graph, source, trees, first, holes):
    """The sums of the trees' outputs from `first` on: `[rows, outputs]`, compared and added in float32.

    The float32 threshold that decides alike is the largest one not above the original.
    """
    exact = np.concatenate([t.threshold for t in trees])
    limits = exact.astype(np.float32)
    limits = np.where(limits.astype(np.float64) > exact, np.nextafter(limits, np.float32(-np.inf)), limits)
    values = np.concatenate([t.value[t.children_left < 0, 0, first:] for t in trees])
    return _ensemble(
        graph,
        source,
        {
            **_nodes(trees, holes),
            **_leaves(trees, values.shape[1]),
            "n_targets": values.shape[1],
            "nodes_values": limits.tolist(),
            "target_weights": values.ravel().tolist(),
        },
    )


def sums_in_double(graph, source, trees, start=0.0, holes=False):
    """`start` and the trees' values, `[rows, 1]`, compared and added in double. `source` is double.

    The operator adds in double but answers in float32, too coarse where large values cancel. So a leaf's value is parted
    in two that are added separately: a multiple of a step so wide that float32 holds any sum of these, and the rest.
    """
    from onnx import TensorProto

    values = np.concatenate([t.value[t.children_left < 0, 0, 0] for t in trees])
    reach = abs(start) + sum(float(np.abs(t.value[t.children_left < 0]).max()) for t in trees)
    step = math.ldexp(1.0, math.frexp(reach)[1] - 23)
    coarse, coarse_start = np.round(values / step) * step, round(start / step) * step
    parts = _ensemble(
        graph,
        source,
        {
            **_nodes(trees, holes),
            **_leaves(trees, 2),
            "n_targets": 2,
            "nodes_values_as_tensor": _doubles(np.concatenate([t.threshold for t in trees])),
            "target_weights_as_tensor": _doubles(np.column_stack([coarse, values - coarse])),
            "base_values_as_tensor": _doubles([coarse_start, start - coarse_start]),
        },
    )
    axis = graph.constant([1], TensorProto.INT64)
    return graph.add("ReduceSum", [graph.cast(parts, TensorProto.DOUBLE), axis], keepdims=1)


def running_sums_in_float(graph, source, trees, start):
    """`start` and the trees' values, `[rows, 1]`, compared by "less" and added in float32, one tree after the other."""
    from onnx import TensorProto

    values = np.concatenate([t.value[t.children_left < 0, 0, 0] for t in trees])
    leaves = _leaves(trees, 1)
    each = _ensemble(
        graph,
        source,
        {
            **_nodes(trees, True, "BRANCH_LT"),
            **leaves,
            "n_targets": len(trees),
            "target_ids": leaves["target_treeids"],
            "nodes_values": np.concatenate([t.threshold for t in trees]).tolist(),
            "target_weights": values.tolist(),
            "base_values": [float(start)] + [0.0] * (len(trees) - 1),
        },
    )
    sums = graph.add("CumSum", [each, graph.constant(1, TensorProto.INT64)])
    last = graph.constant([len(trees) - 1], TensorProto.INT64)
    return graph.add("Gather", [sums, last], axis=1)


def _ensemble(graph, source, attributes):
    return graph.add(
        "TreeEnsembleRegressor", [source], domain="ai.onnx.ml", aggregate_function="SUM", post_transform="NONE", **attributes
    )


def _nodes(trees, holes, mode="BRANCH_LEQ"):
    """The trees' nodes as parallel lists, in the order of each tree's arrays.

    `holes`: the trees are to know missing values. ONNX Runtime walks trees that don't a quarter faster.
    """
    left, right = (np.concatenate([getattr(t, f"children_{side}") for t in trees]) for side in ("left", "right"))
    leaf, sizes = left < 0, [len(t.children_left) for t in trees]
    return {
        "nodes_treeids": np.repeat(np.arange(len(trees)), sizes).tolist(),
        "nodes_nodeids": np.concatenate([np.arange(size) for size in sizes]).tolist(),
        "nodes_featureids": np.where(leaf, 0, np.concatenate([t.feature for t in trees])).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", mode).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, right).tolist(),
        **(
            {"nodes_missing_value_tracks_true": np.concatenate([t.missing_go_to_left for t in trees]).astype(int).tolist()}
            if holes
            else {}
        ),
    }


def _leaves(trees, width):
    """Which tree, node and output each of the values, `[leaves, width]`, belongs to."""
    leaves = [np.flatnonzero(t.children_left < 0) for t in trees]
    return {
        "target_treeids": np.repeat(np.arange(len(trees)), [len(leaf) * width for leaf in leaves]).tolist(),
        "target_nodeids": np.repeat(np.concatenate(leaves), width).tolist(),
        "target_ids": np.tile(np.arange(width), sum(map(len, leaves))).tolist(),
    }


def _doubles(values):
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float64).ravel())
