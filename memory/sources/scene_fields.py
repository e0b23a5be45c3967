"""Fields of JSON files of scenes: read, and said by name where they are wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import SceneError
from ..geometry import Array
from ..scene import SceneView

MALFORMED = (SceneError, KeyError, TypeError, ValueError, OverflowError)
"""What a field of another type or value raises, where it is used as what it should be."""
PINHOLE = (0, 4, 5, 8, 12, 14)
"""How many coefficients OpenCV's pinhole model has."""
FISHEYE = 4
"""How many its fisheye model has."""


def read_object(file: Path, field: str) -> dict[str, Any]:
    """Read a JSON object with a list in ``field``.

    Raises
    ------
    SceneError
        If it cannot be read, or is no such object.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SceneError(f"{file} cannot be read: {error.strerror}.", input=str(file)) from error
    except (ValueError, RecursionError) as error:
        raise SceneError(f"{file} is not JSON: {error}.", input=str(file)) from error
    if not isinstance(data, dict) or not isinstance(data.get(field), list):
        raise SceneError(f"{file} is no scene: it is no object with a list {field!r}.", input=str(file))
    return data


def read_views(
    items: list[Any], read: Callable[[Any, str], SceneView], kind: str, warnings: list[str]
) -> dict[str, SceneView]:
    """Read the records of a file's views, by name; what is wrong with one is a warning, and the rest goes on.

    Parameters
    ----------
    items : list
    read : callable
        Makes a view of a record and of what it is called.
    kind : str
        What a record is called: the file, and "view" or "frame".
    warnings : list of str
        To which what was left out is added.
    """
    found: dict[str, SceneView] = {}
    for place, item in enumerate(items):
        which = f"{kind} {place}"
        try:
            view = read(item, which)
            if view.name in found:
                raise SceneError(f"{view.name} is another's already.")
        except MALFORMED as error:
            warnings.append(f"{which} is left out: {reason(error)}")
        else:
            found[view.name] = view
    return found


def reason(error: Exception) -> str:
    """Return what was wrong with a field, in words."""
    if isinstance(error, SceneError):
        return error.message
    return f"the field {error} is missing" if isinstance(error, KeyError) else str(error)


def number(value: object, field: str) -> float:
    """Return a finite number.

    Raises
    ------
    SceneError
        If it is none; the message names the field.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise SceneError(f"{field} is not a finite number: {value!r}.")
    return float(value)


def up_of(data: dict[str, Any], file: Path) -> Array | None:
    """Return where up is, (3,) of length 1; None where the file does not say.

    Raises
    ------
    SceneError
        If it is no direction.
    """
    if data.get("up") is None:
        return None
    try:
        up = np.array(data["up"], dtype=np.float64)
        length = float(np.linalg.norm(up))
    except (TypeError, ValueError):
        up, length = np.zeros(0), 0.0
    if up.shape != (3,) or not 0 < length < np.inf:
        message = f"{file}: up {data['up']!r} is not three numbers that point somewhere."
        raise SceneError(message, input=str(file))
    return np.asarray(up / length, dtype=np.float64)


def time_of(item: dict[str, Any], field: str) -> float | None:
    """Return when a view was taken, in seconds; None where it does not say. Errors as of :func:`number`."""
    return None if item.get(field) is None else number(item[field], field)


def coefficients(values: object, model: str) -> Array:
    """Return OpenCV's coefficients of distortion, as many as the model takes, missing ones 0.

    Raises
    ------
    SceneError
        If there are more than the model has, or something is no number.
    """
    try:
        given = np.array([] if values is None else values, dtype=np.float64)
    except (TypeError, ValueError):
        raise SceneError(f"distortion is not a list of numbers: {values!r}.") from None
    most = FISHEYE if model == "fisheye" else PINHOLE[-1]
    if given.ndim != 1 or len(given) > most:
        raise SceneError(f"distortion is not a list of up to {most} numbers, as {model} has: {values!r}.")
    length = FISHEYE if model == "fisheye" else next(n for n in PINHOLE if n >= len(given))
    return np.pad(given, (0, length - len(given)))
