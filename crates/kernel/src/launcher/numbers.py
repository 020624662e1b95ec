"""Reads metrics from a notebook's variables."""

import math
import types

# So many names help; more are a list of everything that the notebook has.
NAMED = 12
NO_METRICS = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


def numbers(names):
    """The variables of these names that are numbers, and those that `METRICS` holds by name. Says which others there are."""
    found, others = {}, {}
    for name in names:
        if name not in shell.user_ns:
            continue
        value = shell.user_ns[name]
        if name == "METRICS" and callable(getattr(value, "items", None)):  # a dict, a series, a frame of one row
            entries = {str(key): (item, number(item)) for key, item in value.items()}
            found[name] = {key: n for key, (_, n) in entries.items() if n is not None}
            others.update({f"METRICS[{key!r}]": item for key, (item, n) in entries.items() if n is None})
        elif (n := number(value)) is not None:
            found[name] = n
        elif not isinstance(value, NO_METRICS):
            others[name] = value
    say_no_numbers(others)
    return found


def say_no_numbers(others):
    if not others:
        return
    listed = [f"{name} ({kind(value)})" for name, value in list(others.items())[:NAMED]]
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    print(
        f"no metrics, as they are not numbers: {', '.join(listed)}{more}. "
        "To report one, assign a number: float(text), values.mean(), len(items)"
    )


def kind(value):
    """What a value is, without a word of what it holds."""
    name = type(value).__name__
    try:
        shape = tuple(getattr(value, "shape", None) or ())
        return f"{name} of shape {shape}" if shape and all(isinstance(each, int) for each in shape) else name
    except Exception:
        return name


def number(value):
    try:
        value = single(value)
        if isinstance(value, (bool, str, bytes)):
            return None
        value = float(value) if hasattr(type(value), "__float__") and not hasattr(value, "__len__") else None
    except Exception:
        return None
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def single(value):
    """The one element of an array, a tensor or a series that has no other; any other value itself."""
    if not hasattr(type(value), "item"):
        convert = getattr(value, "numpy", None)  # TensorFlow's tensors
        value = convert() if callable(convert) else value
    if not hasattr(type(value), "item"):
        return value
    size = getattr(value, "size", None)
    count = value.numel() if callable(getattr(value, "numel", None)) else size if isinstance(size, int) else len(value)
    return value.item() if count == 1 else value
