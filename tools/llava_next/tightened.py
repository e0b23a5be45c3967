"""Tightened: of the values that a JSON schema allows, those that a model should write.

A schema leaves more open than anybody means: numbers of any length, members that nobody named. A model held
to it by the letter writes ``1e999``, which Python reads as infinity, or ``1.9999999999999999999``, which it
reads as the 2 that ``exclusiveMaximum`` forbids. What the tightened schema allows, the schema allows, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LARGEST_INTEGER, LARGEST_NUMBER = 10**15, 10**9
"""Bounds of numbers that have none; JavaScript, too, reads such integers exactly."""

DECIMALS, DIGITS = 6, 15
"""Digits behind the point, and in all: so many survive being read into a double, and bounds still hold."""

MOST_DECIMALS = 10
"""Between bounds that are very near to each other."""

_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties")
_ANNOTATIONS = {
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
}
_UNCHECKED = ("path", "file-path", "directory-path", "binary", "password", "json-string")
"""Formats of pydantic and OpenAPI that say what a string is for; every string has them."""
_COMBINED = ("$ref", "allOf", "anyOf", "oneOf")

_SCALAR: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "number",
            "minimum": -LARGEST_NUMBER,
            "maximum": LARGEST_NUMBER,
            "multipleOf": 10**-DECIMALS,
        },
        {"type": "boolean"},
        {"type": "null"},
    ]
}
_ANY: dict[str, Any] = {
    "anyOf": [
        *_SCALAR["anyOf"],
        {"type": "array", "items": _SCALAR},
        {"type": "object", "additionalProperties": _SCALAR},
    ]
}


def tightened(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with values that are read as they are written.

    Numbers without bounds get some, and as many decimals as a double can tell apart between the bounds;
    objects that say nothing of members they do not name have none; what may be anything is a simple value, or
    a list or object of simple values.

    Parameters
    ----------
    schema : mapping
        A JSON schema; left as it is.
    """
    found: dict[str, Any] = _tightened(schema, alone=True)
    return found


def _tightened(schema: Any, *, alone: bool) -> Any:
    """``alone`` is False for a part of ``allOf``: what it does not name, another part may."""
    if schema is True:
        return _ANY
    if not isinstance(schema, Mapping):
        return schema
    if not schema.keys() - _ANNOTATIONS:
        return {**schema, **_ANY}
    found = {keyword: _inside(keyword, value) for keyword, value in schema.items()}
    if found.get("format") in _UNCHECKED:
        del found["format"]
    kinds = schema.get("type")
    kinds = {kinds} if isinstance(kinds, str) else set(kinds) if isinstance(kinds, list) else set()
    if kinds & {"number", "integer"} and not schema.keys() & {"const", "enum"}:
        found |= _numbers(found, whole="number" not in kinds)
    combined = not alone or any(keyword in schema for keyword in _COMBINED)
    if "object" in kinds and "additionalProperties" not in schema and not combined:
        found["additionalProperties"] = (
            False if schema.keys() & {"properties", "patternProperties"} else _SCALAR
        )
    if "array" in kinds and not combined and not schema.keys() & {"items", "prefixItems"}:
        found["items"] = _SCALAR
    return found


def _inside(keyword: str, value: Any) -> Any:
    if keyword in _MAPS and isinstance(value, Mapping):
        return {name: _tightened(part, alone=True) for name, part in value.items()}
    if keyword in _LISTS and isinstance(value, list | tuple):
        return [_tightened(part, alone=keyword != "allOf") for part in value]
    return _tightened(value, alone=True) if keyword in _SINGLE and value is not False else value


def _numbers(schema: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """Return the keywords that a number lacks: bounds, and the smallest step."""
    largest = LARGEST_INTEGER if whole else LARGEST_NUMBER
    low = [schema[name] for name in ("minimum", "exclusiveMinimum") if name in schema]
    high = [schema[name] for name in ("maximum", "exclusiveMaximum") if name in schema]
    if not all(isinstance(bound, int | float) and math.isfinite(bound) for bound in low + high):
        return {}  # no bounds of numbers: llguidance says what is wrong with them
    lowest = max(low, default=min(-largest, max(high, default=0) - largest))
    highest = min(high, default=max(largest, lowest + largest))
    found: dict[str, Any] = {}
    if not low:
        found["minimum"] = lowest
    if not high:
        found["maximum"] = highest
    if not whole and "multipleOf" not in schema and lowest < highest:
        found |= _step(lowest, highest)
    return found


def _step(lowest: float, highest: float) -> dict[str, float]:
    """Return the power of ten that numbers between two bounds are multiples of."""
    before = math.floor(math.log10(max(abs(lowest), abs(highest), 1))) + 1
    # A thousand of them between the bounds at least, however near these are to each other.
    narrow = math.ceil(3 - math.log10(highest - lowest))
    decimals = max(0, min(DECIMALS, DIGITS - before), narrow)
    # llguidance reads no finer ones.
    return {"multipleOf": float(f"1e-{decimals}")} if decimals <= MOST_DECIMALS else {}
