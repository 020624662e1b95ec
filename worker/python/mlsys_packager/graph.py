"""Nodes added to the graph that skl2onnx is building."""

import numpy as np

# The newest that the converters for XGBoost and LightGBM, skl2onnx and ONNX Runtime have in common.
OPSET = {"": 15, "ai.onnx.ml": 3}


class Graph:
    """The graph in which one estimator's operator is being converted."""

    def __init__(self, scope, container):
        self._scope, self._container = scope, container

    def add(self, kind, inputs, output=None, domain="", **attributes):
        """Adds one node; the name of its output."""
        from onnx import defs

        output = output or self._scope.get_unique_variable_name(kind.lower())
        self._container.add_node(
            kind,
            inputs,
            [output],
            op_domain=domain,
            op_version=defs.get_schema(kind, OPSET[domain], domain).since_version,
            name=self._scope.get_unique_operator_name(kind),
            **attributes,
        )
        return output

    def constant(self, values, element_type):
        """The name of a constant: a number, a list of them, or a list of encoded texts."""
        name = self._scope.get_unique_variable_name("constant")
        self._container.add_initializer(name, element_type, list(np.shape(values)), np.ravel(values).tolist())
        return name

    def cast(self, source, element_type, output=None):
        """`source` in another element type."""
        return self.add("Cast", [source], output, to=element_type)

    def joined(self, variables):
        """The name of all columns of `variables` side by side."""
        from skl2onnx.operator_converters.common import concatenate_variables

        return concatenate_variables(self._scope, variables, self._container)


def element_type(variable):
    """The element type that a variable is declared to have: what later operators compute in."""
    from skl2onnx.common.data_types import guess_proto_type

    return guess_proto_type(variable.type)
