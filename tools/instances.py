"""Instances: what the pieces of a scene are called, asked view by view and put together.

One piece is one physical thing, however many views show it. Each of its crops is asked about; what the eyes
say of several views is not independent, so that three views count for less than three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..memory import Box, Still
from ..memory.scene import Scene
from .look import Eyes
from .proposals import Patch, Piece
from .small_looks import THERE, YES_NO, Part, article

HOLES = 0.15
"""Longest hole in what a view shows of a piece, over the longer side of its crop, that is closed."""
GROWN = 2
"""Pixels that other pieces are painted over beyond their outlines, which mix two colours."""
GENERIC = frozenset({"thing", "object", "item", "solid"})
"""Names of whatever stands out, of which no model is asked."""
MARGIN = 0.3
"""Share of a box's longer side that is shown around it."""
SMALLEST = 24
"""Pixels of a crop's side, at least."""
FIRST, MORE = 4, 4
"""Views of a piece that are asked first, and that are asked besides where these leave it open."""
OPEN = 1.5
"""Log-odds below which a name is open after the first views."""
SURE = 4.0
"""Log-odds that one view counts for, at most."""
ALIKE = 0.35
"""How much of what a second view says the first has said already."""
CUT = 0.5
"""Weight of a view in which a thing is cut by the border of the picture."""
CLEAR = 0.2
"""Share of what the best view shows of a piece, below which it is not asked there: most is hidden."""
STANDS_OUT = 0.9
"""Confidence that a piece is one thing, of which no model was asked."""


@dataclass(slots=True)
class Opinion:
    """What was said of one piece and one name: the probability of each view's answer, and its weight."""

    said: dict[str, float]
    weights: dict[str, float]

    @property
    def odds(self) -> float:
        """Log-odds of all views together; 0 where nothing was asked."""
        if not self.said:
            return 0.0
        p = np.clip([self.said[view] for view in self.said], 1e-6, 1 - 1e-6)
        weight = np.array([self.weights[view] for view in self.said])
        each = np.clip(np.log(p / (1 - p)), -SURE, SURE)
        count = weight.sum() ** 2 / (weight**2).sum()
        mean = float((weight * each).sum() / weight.sum())
        return float(mean * count / (1 + (count - 1) * ALIKE))

    @property
    def confidence(self) -> float:
        """Probability that the piece is so called."""
        return float(1 / (1 + np.exp(-self.odds)))


@dataclass(slots=True)
class Asking:
    """Asks about pieces.

    Parameters
    ----------
    eyes : Eyes
    scene : Scene
    pieces : sequence of Piece
    left : int
        Crops that may still be looked at.
    parts : list of Part
        What was asked and said; ``still`` is the number of the view in the scene, from 0.
    notes : list of str
    """

    eyes: Eyes
    scene: Scene
    pieces: Sequence[Piece]
    left: int
    parts: list[Part]
    notes: list[str]

    def opinions(self, names: Sequence[str]) -> list[dict[str, Opinion]]:
        """Ask of every piece whether it is called by each of the names: a few views first, then more."""
        found = [{name: Opinion({}, {}) for name in names} for _ in self.pieces]
        views = [clear_views(piece) for piece in self.pieces]
        share = max(1, self.left // max(1, len(names) * len(self.pieces)))
        self._ask(
            [(k, v, n) for k, vs in enumerate(views) for v in vs[: min(FIRST, share)] for n in names], found
        )
        open_ = [
            (k, view, name)
            for k, of in enumerate(found)
            for name, opinion in of.items()
            if abs(opinion.odds) < OPEN
            for view in views[k][FIRST : FIRST + MORE]
        ]
        self._ask(open_, found)
        return found

    def _ask(self, asked: Sequence[tuple[int, str, str]], found: Sequence[Mapping[str, Opinion]]) -> None:
        asked = asked[: self.left]
        if not asked:
            return
        crops = {(k, view): self.crop(k, view) for k, view, _ in asked}
        said = self.there([(crops[k, view], view, name) for k, view, name in asked])
        for (k, view, name), probability in zip(asked, said, strict=True):
            patch = self.pieces[k].patches[view]
            found[k][name].said[view] = probability
            largest = max(one.area for one in self.pieces[k].patches.values())
            found[k][name].weights[view] = patch.area / largest * (CUT if patch.cut else 1.0)

    def there(self, looks: Sequence[tuple[Still, str, str]]) -> list[float]:
        """Ask of crops, each of a view, whether they show a name; return the probabilities that they do."""
        self.left -= len(looks)
        prompts: list[list[str | Still]] = [
            [crop, THERE.format(thing=article(name))] for crop, _, name in looks
        ]
        choices = self.eyes.choose_many(prompts, YES_NO)
        self.notes += [note for choice in choices for note in choice.notes]
        for (_, view, _), prompt, choice in zip(looks, prompts, choices, strict=True):
            number = self.scene.names.index(view)
            self.parts.append(Part(number, str(prompt[1]), choice.option, choice.confidence))
        return [choice.probabilities[0] for choice in choices]

    def crop(self, number: int, view: str) -> Still:
        """Return what a view shows of a piece and around it, without the other pieces there."""
        still, patch = self.scene.still(view), self.pieces[number].patches[view]
        box = around(patch, still)
        crop = still.crop(box)
        region = crop.region
        assert region is not None
        covered = self._others(number, view, region)
        if not covered.any():
            return crop
        free = ~covered & ~_placed(patch, region, covered.shape)
        pixels = crop.pixels.copy()
        pixels[covered] = np.median(crop.pixels[free if free.any() else covered], axis=0)
        return Still.from_array(pixels)

    def _others(self, number: int, view: str, region: Box) -> NDArray[np.bool_]:
        """Return the pixels of a crop that show other pieces than the one asked about and its parts."""
        shape = int(region.y1 - region.y0), int(region.x1 - region.x0)
        own = self.pieces[number].patches[view]
        every = np.zeros(shape, dtype=bool)
        for piece in self.pieces:
            if view in piece.patches:
                every |= _placed(piece.patches[view], region, shape)
        mine = _placed(own, region, shape)
        return _closed(every & ~mine, GROWN) & ~_closed(mine)


def best_views(piece: Piece) -> list[str]:
    """Return the views of a piece, those that show most of it first; ones that cut it count for less."""
    patches = piece.patches
    return sorted(patches, key=lambda name: (-patches[name].area * (CUT if patches[name].cut else 1), name))


def clear_views(piece: Piece) -> list[str]:
    """Return the best views of a piece, without those that show little of what others do."""
    ordered = best_views(piece)
    least = CLEAR * max(patch.area for patch in piece.patches.values())
    return [name for name in ordered if piece.patches[name].area >= least]


def around(patch: Patch, still: Still) -> Box:
    """Return a square around a patch with a margin, inside of the picture where that is possible."""
    x0, y0, x1, y1 = patch.box
    width, height = still.size
    side = min(max((1 + 2 * MARGIN) * max(x1 - x0, y1 - y0), SMALLEST), max(width, height))
    left = min(max(0.0, (x0 + x1 - side) / 2), max(0.0, width - side))
    top = min(max(0.0, (y0 + y1 - side) / 2), max(0.0, height - side))
    return Box(x0=left, y0=top, x1=min(left + side, width), y1=min(top + side, height))


def _closed(mask: NDArray[np.bool_], grown: int = 0) -> NDArray[np.bool_]:
    """Close the holes of a mask, where depth was missing, and let it grow: a few pixels tell a colour."""
    import cv2

    side = max(3, round(HOLES * max(mask.shape)))
    closed = cv2.morphologyEx(np.pad(mask, side).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((side, side)))
    if grown:
        closed = cv2.dilate(closed, np.ones((2 * grown + 1, 2 * grown + 1)))
    return np.asarray(closed[side:-side, side:-side], dtype=bool)


def _placed(patch: Patch, region: Box, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a patch's mask in the pixels of a crop."""
    out = np.zeros(shape, dtype=bool)
    left, top = int(region.x0), int(region.y0)
    x0, y0 = max(patch.box[0], left), max(patch.box[1], top)
    x1, y1 = min(patch.box[2], left + shape[1]), min(patch.box[3], top + shape[0])
    if x0 < x1 and y0 < y1:
        own = patch.mask[y0 - patch.box[1] : y1 - patch.box[1], x0 - patch.box[0] : x1 - patch.box[0]]
        out[y0 - top : y1 - top, x0 - left : x1 - left] = own
    return out


def called(
    pieces: Sequence[Piece], opinions: Sequence[Mapping[str, Opinion]], names: Sequence[str]
) -> list[dict[str, float]]:
    """Return for each piece how likely it is called by each name; a piece and its parts are not both things.

    A generic name fits every piece. Of names that exclude each other, as a red block and a red ball do, the
    likelier one counts.
    """
    odds = [
        {name: opinions[k][name].odds for name in names if name not in GENERIC} for k in range(len(pieces))
    ]
    found: list[dict[str, float]] = []
    for k in range(len(pieces)):
        plain = {name: float(1 / (1 + np.exp(-_against(name, odds[k])))) for name in odds[k]}
        found.append(plain | {name: STANDS_OUT for name in names if name in GENERIC})
    for k, piece in enumerate(pieces):
        if not piece.parts:
            continue
        best = max((max(odds[part].values(), default=0.0) for part in piece.parts), default=0.0)
        whole = max(odds[k].values(), default=0.0)
        dropped = piece.parts if odds[k] and whole > best + OPEN else (k,)
        for number in dropped:
            found[number] = {}
    return found


def _against(name: str, odds: Mapping[str, float]) -> float:
    """Return the log-odds of a name, less what speaks for another one that excludes it."""
    words = set(name.split())
    rivals = [
        value for other, value in odds.items() if other != name and len(set(other.split()) ^ words) == 2
    ]
    best = max(rivals, default=-SURE)
    return min(odds[name], odds[name] - best) if best > 0 else odds[name]
