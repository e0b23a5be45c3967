"""Questions about scenes: what is to be measured, between which things, and seen from where.

A sentence is recognised by its words, in English, not by a model; one of no known kind is ``open``: it is
answered by looking. Nothing is guessed: what a sentence says beyond the patterns here makes it open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .scene_patterns import OPENING, PATTERNS
from .scene_viewpoints import DETERMINER, Viewpoint, name, stood_at
from .scene_viewpoints import viewpoint as place_of
from .video_questions import singular

Kind = Literal[
    "distance", "size", "height", "count", "relation", "behind", "seen", "where", "nearest", "open"
]
Side = Literal["left", "right", "front", "behind", "above", "below", "nearer", "farther"]
Dimension = Literal["height", "width", "depth", "length"]

SIDES: tuple[Side, ...] = ("left", "right", "front", "behind")
"""Where a thing can be from another one, on the ground."""
LONGEST_NAME = 8
"""Words of a thing's name, at most."""


@dataclass(frozen=True, slots=True)
class SceneQuestion:
    """What a question about a scene wants.

    Parameters
    ----------
    kind : str
        - ``distance``: between ``things``, two of them (twice the same name: between two such things), or
          from the viewpoint's camera to the only one;
        - ``size``: of the only thing; ``dimension`` None for all of its extents;
        - ``height``: of the only thing above the floor;
        - ``count``: of the only thing, a singular, in all, or in the viewpoint's view alone; ``polar``:
          whether there is any;
        - ``relation``: where the first thing is from the second, or from who stands at the viewpoint where
          there is one thing only;
        - ``behind``: what is on the side ``relation`` of the only thing, or of who stands at the viewpoint;
        - ``seen``: where and when the thing was seen last;
        - ``where``: where the thing is;
        - ``nearest``: what is nearest (``relation`` "nearer") or farthest ("farther") to the only thing, or
          to the viewpoint's camera;
        - ``open``: anything else.
    text : str
        The question as it was put.
    things : tuple of str
        Names without articles, singular where several are meant.
    viewpoint : Viewpoint or None
        None where the question does not say: then the first view that is looked at, and the answer says so.
    relation : str or None
        Of ``relation``: "nearer" and "farther" compare the two things' distances to the viewpoint; None: tell
        which of ``offered`` holds.
    polar : bool
        Yes or no is asked. A ``relation`` that is given and not polar asks which of the two things it holds
        of.
    offered : tuple of str
        Sides to choose from.
    dimension : str or None
        "length" is the larger extent along the ground.
    centres : bool
        Distances are wanted from centre to centre, not between the nearest surfaces.
    among : str
        What the answer to ``behind`` or ``nearest`` must be: "which chair ..."; empty for anything.
    """

    kind: Kind
    text: str
    things: tuple[str, ...] = ()
    viewpoint: Viewpoint | None = None
    relation: Side | None = None
    polar: bool = False
    offered: tuple[Side, ...] = ()
    dimension: Dimension | None = None
    centres: bool = False
    among: str = ""

    @property
    def named(self) -> tuple[str, ...]:
        """Everything that has to be localised: the things, then what the viewpoint and the answer name."""
        place = self.viewpoint or Viewpoint()
        every = (*self.things, place.at, place.facing, self.among)
        return tuple(dict.fromkeys(thing for thing in every if thing))


def parse(question: str, names: Sequence[str]) -> SceneQuestion:
    """Tell what a question about a scene wants.

    Parameters
    ----------
    question : str
        In English.
    names : sequence of str
        The names of the scene's views, in order.

    Returns
    -------
    SceneQuestion

    Raises
    ------
    SceneError
        If it speaks of a view that the scene does not have.

    Examples
    --------
    >>> parse("How far is the red cube from the blue ball?", ["a.png"]).things
    ('red cube', 'blue ball')
    """
    text = " ".join(question.casefold().replace("\u2019", "'").split()).rstrip(" ?.!")
    text = re.sub(r"[.;:?!]+ ", ", ", text)
    text = re.sub(rf"^(?:{OPENING}[ ,]+)+", "", text)
    text = _HEDGE.sub("", text)
    text, viewpoint = stood_at(_EVERYWHERE.sub("", text), names)
    text = re.sub(rf"^(?:{OPENING}[ ,]+)+", "", text)
    for found in map(_ones, _matches(text, names, viewpoint)):
        if all(map(_is_name, found.named)):
            return replace(found, text=question)
    return SceneQuestion("open", question, viewpoint=viewpoint)


_HEDGE = re.compile(
    r"^(?:roughly|approximately|about|exactly|precisely),? |"
    r",? (?:roughly|approximately|exactly|precisely|more or less|please|then)$|"
    r",? in (?:metres|meters|centimet(?:re|er)s|millimet(?:re|er)s|m|cm|mm|feet|inches)(?=,|$)"
)
"""What asks for no other answer; every length is told in the scene's unit."""
_EVERYWHERE = re.compile(
    r"^(?:counting|across|over|in|taking|considering|looking at|using|with|from|through|throughout) "
    r"(?:every|all|each)(?: of)?(?: the| these)?(?: \w+)? ?(?:views?|pictures?|images?|photos?)"
    r"(?: together)?,? "
)
"""What says no more than that all of the scene is meant."""
_CENTRES = re.compile(
    r"[, (]*(?:measured |taken )?(?:from )?(?:"
    r"(?:their |the )?cent(?:er|re)s?[ -]to[ -](?:their |the )?cent(?:er|re)s?|"
    r"(?:between|of) (?:(?:their|the) )?(?:cent(?:er|re)s|middles)(?! of)|"
    r"(?:the )?middle (?:of (?:the )?one )?to (?:the )?middle(?: of the other)?)\)?"
)
_CENTRE_OF = re.compile(r"\b(?:the )?(?:cent(?:er|re)s?|middles?) of (?=(?:the|an?|my)\b)")
_SURFACES = re.compile(
    r"[, (]*(?:measured )?(?:from )?(?:(?:surface|edge)[ -]to[ -](?:surface|edge)|"
    r"between (?:their|the) (?:nearest|closest) (?:surfaces|points|edges|sides)|"
    r"at (?:their|its) (?:closest|nearest)(?: points?)?)\)?"
)


_Builder = Callable[[re.Match[str], Sequence[str], Viewpoint | None], SceneQuestion | None]


def _matches(text: str, names: Sequence[str], viewpoint: Viewpoint | None) -> Iterator[SceneQuestion]:
    """Read a text by every pattern that fits all of it, in their order."""
    for kind, build in _BUILDERS.items():
        plain, centres = _measured(text) if kind == "distance" else (text, False)
        for pattern in PATTERNS[kind]:
            if (found := pattern.fullmatch(plain)) and (read := build(found, names, viewpoint)):
                yield replace(read, centres=centres)


def _ones(found: SceneQuestion) -> SceneQuestion:
    """Say what "one" is: of "the red block" and "the blue one" the other is a blue block."""
    if len(found.things) < 2:
        return found
    noun = found.things[0].split()[-1]
    return replace(found, things=tuple(re.sub(r"(?<=\w )one$", noun, thing) for thing in found.things))


def _measured(text: str) -> tuple[str, bool]:
    """Part a text from the words that say between which points a distance is meant."""
    plain, said = _CENTRES.subn("", _SURFACES.sub("", text))
    plain, named = _CENTRE_OF.subn("", plain)
    return plain.strip(" ,"), bool(said or named)


def _is_name(text: str) -> bool:
    return 0 < len(text.split()) <= LONGEST_NAME and not _NO_NAME.search(text)


_NO_NAME = re.compile(
    r"[,;:]|^(?:\d+|it|its|he|she|they|them|this|that|these|those|there|here|me|you|us|we|i|"
    r"something|anything|everything|each other|one another|front|back|side)$|"
    r"\b(?:what|which|who|how|where|when|why|is|are|was|were|do|does|did|until|than|or|if|from|to|between|left|"
    r"right|have|has|would|come|comes|stand|stands|you|i|me|we|they|behind|nearest|closest|farthest|furthest|biggest|largest|smallest|tallest|shortest|highest|"
    r"lowest|nearer|closer|farther|further|last|far|apart|seen|view|views|each|other|number|there|anything|something|everything|nothing|not|no)\b|"
    r"(?<!\bblack) and\b|\b(?:of|in|on|the|an?)$|^(?:of|in|on|by|and|with)\b"
)
"""What no name of one thing holds."""


def _pair(text: str) -> tuple[str, ...]:
    """Return the two things of "the red cube and the blue ball", or of "the two red cubes"."""
    for joint in (rf",? (?:and|or) (?={DETERMINER}\b)", r",? (?:and|or) "):
        parts = re.split(joint, text)
        if len(parts) == 2:
            return name(parts[0]), name(parts[1])
    one = singular(re.sub(r"^(?:both |two |the two |both the )+", "", name(text)))
    return (one, one) if one != name(text) else ()


def _distance(
    found: re.Match[str], names: Sequence[str], viewpoint: Viewpoint | None
) -> SceneQuestion | None:
    said = found.groupdict()
    if said.get("p"):
        things = _pair(said["p"])
        return SceneQuestion("distance", "", things) if things else None
    thing, other = name(said["a"]), said.get("b")
    if _FLOOR.fullmatch(thing) or _FLOOR.fullmatch(other or ""):
        above = name(other or "") if _FLOOR.fullmatch(thing) else thing
        return SceneQuestion("height", "", (above,))
    place = place_of(other, names) if other else viewpoint
    if place is not None and place.at:
        return SceneQuestion("distance", "", (thing, place.at))
    return SceneQuestion("distance", "", (thing,), place)


_FLOOR = re.compile(r"(?:the )?(?:floor|ground)")
_DIMENSIONS: dict[str, Dimension | None] = {
    "tall": "height", "high": "height", "height": "height", "wide": "width", "broad": "width",
    "width": "width", "breadth": "width", "deep": "depth", "depth": "depth", "long": "length",
    "length": "length", "big": None, "large": None, "small": None, "size": None, "dimensions": None,
    "extent": None, "measurements": None,
}  # fmt: skip


def _size(found: re.Match[str], names: Sequence[str], viewpoint: Viewpoint | None) -> SceneQuestion:
    return SceneQuestion("size", "", (name(found["a"]),), dimension=_DIMENSIONS[found["how"]])


def _height(found: re.Match[str], names: Sequence[str], viewpoint: Viewpoint | None) -> SceneQuestion:
    return SceneQuestion("height", "", (name(found["a"]),))


def _count(found: re.Match[str], names: Sequence[str], viewpoint: Viewpoint | None) -> SceneQuestion:
    said = found.groupdict()
    thing = re.sub(r"^(?:different|distinct|separate|individual) ", "", name(said["a"]))
    return SceneQuestion("count", "", (singular(thing),), viewpoint, polar="polar" in said)


def _side(said: dict[str, str | None]) -> Side | None:
    return next((side for group, side in _GROUPS.items() if said.get(group)), None)


_GROUPS: dict[str, Side] = {
    "near": "nearer", "far": "farther", "left": "left", "right": "right", "front": "front",
    "behind": "behind", "above": "above", "below": "below",
}  # fmt: skip


def _relation(
    found: re.Match[str], names: Sequence[str], viewpoint: Viewpoint | None
) -> SceneQuestion | None:
    said = found.groupdict()
    place = place_of(said["place"], names) if said.get("place") else viewpoint
    things = _pair(said["p"]) if said.get("p") else tuple(name(said[key]) for key in "ab" if said.get(key))
    if "either" in said:
        return SceneQuestion("relation", "", things, place, offered=_offered(said["either"]))
    side = _side(said)
    if side is None:
        return SceneQuestion("relation", "", things, place, offered=SIDES[:2] if "hand" in said else SIDES)
    return SceneQuestion("relation", "", things, place, side, polar="polar" in said)


def _offered(text: str | None) -> tuple[Side, ...]:
    return ("front", "behind") if text and "behind" in text else ("left", "right")


def _behind(found: re.Match[str], names: Sequence[str], viewpoint: Viewpoint | None) -> SceneQuestion:
    said = found.groupdict()
    place = place_of(said["place"], names) if said.get("place") else viewpoint
    things = (name(said["b"]),) if said.get("b") else ()
    return SceneQuestion("behind", "", things, place, _side(said), among=_among(said))


def _among(said: dict[str, str | None]) -> str:
    thing = singular(name(said.get("among") or said.get("among2") or "thing"))
    return "" if thing in ("thing", "object", "item", "one", "of") else thing


def _nearest(found: re.Match[str], names: Sequence[str], viewpoint: Viewpoint | None) -> SceneQuestion:
    said = found.groupdict()
    side: Side = "farther" if said.get("far") else "nearer"
    place = place_of(said["b"] or "", names)
    things = (place.at,) if place and place.at else ()
    return SceneQuestion("nearest", "", things, viewpoint if things else place, side, among=_among(said))


def _of(kind: Kind) -> _Builder:
    def build(found: re.Match[str], names: Sequence[str], viewpoint: Viewpoint | None) -> SceneQuestion:
        return SceneQuestion(kind, "", (singular(name(found["a"])),), viewpoint)

    return build


_BUILDERS: dict[Kind, _Builder] = {
    "height": _height,
    "distance": _distance,
    "size": _size,
    "seen": _of("seen"),
    "nearest": _nearest,
    "relation": _relation,
    "behind": _behind,
    "count": _count,
    "where": _of("where"),
}
