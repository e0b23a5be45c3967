"""Viewpoints of questions about scenes: "seen from view 3", "from the window", "standing at X facing Y"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..errors import SceneError

_PICTURE = r"(?:view|camera|image|picture|photo|frame|still|shot)"
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_CARDINALS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_VIEW = (
    rf"(?:the )?(?:{_PICTURE} ?(?:number |no\.? ?|#)?(?:\d{{1,9}}|{'|'.join(_CARDINALS)})|"
    rf"(?:{'|'.join(_ORDINALS)}|last|\d{{1,9}}(?:st|nd|rd|th)) {_PICTURE})"
)
HERE = frozenset({"me", "here", "the camera", "the viewer", "my position", "where i am", "where i stand"})
"""Words for wherever the first view was taken from."""
DETERMINER = r"(?:the|an?|this|that|these|those|my|your|our|their|any|some)"

_ASKING = r"(?:is|are|was|were|what|which|where|how|who|do|does|can|could)\b"
_SPOT, _FACED = r"(?P<place>[^,]+?)", rf"(?P<facing>[^,]+?)(?=,|$| {_ASKING})"
_ENDING = rf"(?P<place>{_VIEW}(?=,|$| )|[^,]+?(?=,|$| {_ASKING}))"
_FACING = r"(?:fac(?:e|es|ing)|look(?:s|ing)? (?:at|to|towards?)|turned (?:to|towards?))"
_WHO = (
    r"(?:(?:if|when|while|suppose|imagine|assume|say) )?"
    r"(?:(?:i|you|we|someone|somebody|one|a person)\b ?)?(?:(?:am|are|is|was|were|'m|'re|'s)\b ?)?"
)
_STANDING = (  # "standing" alone begins a clause: "is the cup standing in front of the box?" is of the cup
    r"(?:(?:^|(?<=, )|(?:if|when|while|and) )(?:standing|sitting|placed)|"
    r"(?:(?:if|when|while|suppose|imagine|assume|say) )?(?:i|you|we|someone|somebody|one|a person)"
    r"(?:(?: am| are| is| was| were|'m|'re|'s)? (?:standing|sitting|placed)| stands?| stood| sits?| sat))"
)
_BEING = r"(?:(?:if|when|while|suppose) )?(?:i|you|we)(?: am| are|'m|'re)"
_BY = r"(?:right )?(?:at|by|on|in front of|in|near|next to|beside)"
_VANTAGE = r"(?:point of view|viewpoint|perspective|position|standpoint|vantage point|place)"
_SEEN = (
    r"(?:as |when |if )?(?:(?:it is|it's|you are|i am|being) )?"
    r"(?:seen|viewed|watched|looked at|observed|judged|judging|looking|you look|i look) (?:from|in|by|out of)"
)
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:{_STANDING}|{_BEING}) {_BY} {_SPOT},? (?:and |while |when )?(?:(?:i |you )?(?:am |are )?)?"
        rf"{_FACING} {_FACED}",
        rf"\b{_WHO}{_FACING} (?P<facing>[^,]+?),? (?:from|{_STANDING} {_BY}) {_ENDING}",
        rf"\bfrom {_SPOT},? {_FACING} {_FACED}",
        rf"\b(?:{_STANDING}|{_BEING}) {_BY} {_ENDING}",
        rf"\bfrom (?:the (?:place|spot|point) )?where {_SPOT} (?:was taken|is|was|stands?|looks|sits?)"
        rf"(?=,|$| {_ASKING})",
        rf"\b(?:from|in|at) the {_VANTAGE} of {_ENDING}",
        rf"\bfrom {_SPOT}'s? {_VANTAGE}",
        rf"\b{_SEEN} {_ENDING}",
        rf"^(?:from|in|for) (?!which|what){_ENDING}",
        rf"^(?P<place>{_VIEW}),",
        rf"\bas (?P<place>{_VIEW}) (?:shows|sees)(?: it| them)?\b",
        rf"\b(?:in|on) (?P<place>{_VIEW})$",
    )
)  # the first that matches counts: those that say more come first


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Where a scene is seen from.

    Parameters
    ----------
    view : str or None
        Name of a view: its camera.
    at : str or None
        Name of a thing that is stood at; either this or ``view`` is given.
    facing : str or None
        Name of the thing that is looked at; None: along the camera's axis, and from a thing to what the
        question is about.
    """

    view: str | None = None
    at: str | None = None
    facing: str | None = None


def stood_at(text: str, names: Sequence[str]) -> tuple[str, Viewpoint | None]:
    """Part a question in small letters from the words that say where it is seen from.

    Raises
    ------
    SceneError
        If they name a view that the scene does not have.
    """
    for pattern in _PATTERNS:
        if found := pattern.search(text):
            groups = found.groupdict()
            place = viewpoint(groups["place"], names)
            if groups.get("facing"):
                place = Viewpoint(
                    place.view if place else None, place.at if place else None, name(groups["facing"])
                )
            rest = f"{text[: found.start()].strip(' ,')} {text[found.end() :].strip(' ,')}"
            return rest.strip(" ,"), place
    if (found := _FROM_VIEW.search(text)) and not _METRIC.search(text):
        return text[: found.start()].strip(" ,"), viewpoint(found["place"], names)
    return text, None


_FROM_VIEW = re.compile(rf"\bfrom (?P<place>{_VIEW})$")
_METRIC = re.compile(r"\b(?:far|farther|farthest|further|distance|gap|space|metres|meters|\w+est)\b")
"""Words of questions in which "from view 3" says how far, not seen from where."""


def viewpoint(text: str, names: Sequence[str]) -> Viewpoint | None:
    """Return the place that words name: a view or a thing; None for where the asker is."""
    view = named_view(text, names)
    if view is not None:
        return Viewpoint(view=view)
    return None if text.strip() in HERE else Viewpoint(at=name(text))


def named_view(text: str, names: Sequence[str]) -> str | None:
    """Return the view that words name, by its file's name, with or without its ending, or by its number.

    A view that is called so, such as "view 3" for ``view_03.png``, goes before the third of all.

    Parameters
    ----------
    text : str
        In small letters: "view 3", "the last view", "view3.png".
    names : sequence of str
        Of the scene's views, in order.

    Returns
    -------
    str or None
        None if the words name no view.

    Raises
    ------
    SceneError
        If there is no view of that number.
    """
    text = re.sub(r"'s camera$", "", text.strip())
    plain = text.removeprefix("the ").removeprefix("camera of ")
    for view in names:
        whole = PurePosixPath(view.casefold())
        if plain in (str(whole), whole.name) or (plain == whole.stem and re.search(r"\d", plain)):
            return view
    if not re.fullmatch(_VIEW, plain):
        return None
    number, ordinal = _number(plain, len(names))
    called = re.compile(rf"{_PICTURE}[ _-]?0*{number}")
    for view in names:
        stem = PurePosixPath(view.casefold()).stem
        if not ordinal and stem[:4] == plain[:4] and called.fullmatch(stem):  # the same word for it
            return view
    if not 1 <= number <= len(names):
        raise SceneError(
            f"there is no {plain}: the scene has {len(names)} views, from {names[0]!r} to {names[-1]!r}."
        )
    return names[number - 1]


def _number(view: str, count: int) -> tuple[int, bool]:
    """Return the number of "view 3", "the third view" or "the last view", and whether it is an ordinal."""
    ordinal = re.fullmatch(rf"(\w+) {_PICTURE}", view)
    word = ordinal[1] if ordinal else re.findall(r"\d+|[a-z]+", view)[-1]
    for words in (_ORDINALS, _CARDINALS):
        if word in words:
            return words.index(word) + 1, ordinal is not None
    return count if word == "last" else int(re.sub(r"\D", "", word)), ordinal is not None


def name(text: str) -> str:
    """Return a thing's name without its determiner."""
    return re.sub(rf"^(?:{DETERMINER} )+", "", " ".join(text.split()).strip(" ,'\""))
