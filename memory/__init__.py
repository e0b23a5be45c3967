"""Memory: stills, where they came from, and the evidence drawn from them."""

from .still import (
    Box,
    Evidence,
    Frame,
    Origin,
    Page,
    Photo,
    Point,
    Region,
    Size,
    Span,
    Still,
    StillRef,
    View,
)

__all__ = [
    "Box",
    "Evidence",
    "Frame",
    "Origin",
    "Page",
    "Photo",
    "Point",
    "Region",
    "Size",
    "Span",
    "Still",
    "StillRef",
    "View",
]
