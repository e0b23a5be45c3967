"""Windows: find in a view what does not stand out as a piece, by asking about parts of the picture.

Windows that overlap are asked in one batch, coarse first; finer ones only where a coarse one said yes. The
votes over a place are averaged, and what nearly all windows over it agree on is a claim (:mod:`.claims`).
Pieces, which were asked about one by one, are painted over: what is left is what was not asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label as connected

from ..memory import Box, Still
from ..memory.geometry import Array
from ..memory.scene import Scene
from .agreement import Fused, fuse_claims, projected
from .claims import Claim, claim
from .detectors import Detection, Detector, overlap
from .instances import FIRST, MORE, SMALLEST, SURE, Asking
from .proposals import Piece, Proposals

CELLS = 60
"""Cells of a view's votes along each side."""
LEVELS = ((36, 2), (21, 5), (12, 9))
"""Sides of windows in cells, and how many stand along each side of a picture, coarse to fine."""
MOST = 25
"""Windows of a finer level in each view, at most: what is larger needs none so fine."""
YES = 0.5
"""Probability from which a window holds what it was asked about."""
AGREED = 0.7
"""Share of the highest vote from which a place belongs to what was found."""
PLACE = 0.6
"""Share of a picture that is no place any more."""
CLAIMS = 4
"""Claims of a view, at most."""
COVERED = 0.8
"""Share of a window that may be painted over."""
BIG = 0.6
"""Side of a piece, over the picture's, from which its crop was too wide for it not to be looked into."""
AROUND = 0.08
"""Share of a piece's longer side that is painted over around it, for its foot; 3 pixels at least."""
ASKED = 0.5
"""Intersection over union from which a claim is a piece that was asked about."""
MOSTLY = 0.6
"""Share of the views asked about what was found that must say yes."""
TAKEN = 0.8
"""Probability from which what several views claim is taken: more than of a piece, which is there anyway."""


@dataclass(frozen=True, eq=False)
class Found:
    """What windows or a detector found: the pieces of each name, how sure that is, and what to note."""

    pieces: tuple[Piece, ...]
    fits: tuple[dict[str, float], ...]
    notes: tuple[str, ...]


def look_for(asking: Asking, found: Proposals, views: Sequence[str], names: Sequence[str]) -> Found:
    """Look for what no piece is.

    Parameters
    ----------
    asking : Asking
        Of the pieces; what it has left is shared by the names.
    found : Proposals
    views : sequence of str
    names : sequence of str

    Returns
    -------
    Found
        Things that two views agree on, at least.
    """
    pieces: list[Piece] = []
    fits: list[dict[str, float]] = []
    notes: list[str] = []
    bare = {view: _bare(asking.scene, found, view) for view in views}
    for number, name in enumerate(names):
        share = asking.left // (len(names) - number)
        claims = _claims(asking, found, bare, name, share)
        fused = _fused(asking.scene, found, claims, views)
        notes += _alone(asking.scene, fused, name)
        sure = _confirmed(asking, fused.pieces, name)
        for confidence, piece in sorted(zip(sure, fused.pieces, strict=True), key=lambda one: -one[0]):
            if confidence >= TAKEN:
                _keep(pieces, fits, piece, name, confidence)
    return Found(tuple(pieces), tuple(fits), tuple(notes))


def detected(
    detector: Detector, scene: Scene, found: Proposals, views: Sequence[str], names: Sequence[str]
) -> Found:
    """Do the same with the boxes of a detector, which need no windows."""
    boxes = dict(zip(views, detector.detect(scene.stills(views), names), strict=True))
    pieces: list[Piece] = []
    fits: list[dict[str, float]] = []
    notes: list[str] = []
    for name in names:
        claims = [one for view in views for one in _boxed(scene, found, view, boxes[view], name)]
        fused = _fused(scene, found, claims, views)
        notes += _alone(scene, fused, name)
        for piece in fused.pieces:
            sure = detector.fits(piece, boxes, [name])[name]
            if sure >= YES:
                _keep(pieces, fits, piece, name, sure)
    return Found(tuple(pieces), tuple(fits), tuple(notes))


def _keep(
    pieces: list[Piece], fits: list[dict[str, float]], piece: Piece, name: str, confidence: float
) -> None:
    """Add a piece, or its name to the one that is there already."""
    for other, known in zip(pieces, fits, strict=True):
        if _same(piece, other):
            known.setdefault(name, confidence)
            return
    pieces.append(piece)
    fits.append({name: confidence})


def _same(piece: Piece, other: Piece) -> bool:
    """Tell whether most views that show both show them at one place."""
    shared = [
        (piece.patches[view].box, other.patches[view].box) for view in piece.patches if view in other.patches
    ]
    return 2 * sum(_common(*boxes) >= ASKED for boxes in shared) > len(shared)


def _common(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Return how much of the smaller of two boxes lies in the other one."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    least = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(0, wide) * max(0, high) / least


def _boxed(
    scene: Scene, found: Proposals, view: str, detections: Sequence[Detection], name: str
) -> list[Claim]:
    hidden = np.zeros(tuple(scene.view(view).camera.size)[::-1], dtype=bool)
    margin = 3
    some = [claim(scene, view, one.box, margin, hidden) for one in detections if one.name == name]
    return _new(found, [one for one in some if one is not None])[:CLAIMS]


def _fused(scene: Scene, found: Proposals, claims: Sequence[Claim], views: Sequence[str]) -> Fused:
    return fuse_claims(scene, claims, views, found.names)


def _alone(scene: Scene, fused: Fused, name: str) -> list[str]:
    """Say what only one view claims."""
    views = sorted({scene.names.index(one.view) + 1 for one in fused.alone})
    if not views or fused.pieces:
        return []
    if len(views) == 1:
        return [f"only view {views[0]} seems to show a {name}, where no other view agrees: it was not taken"]
    listed = ", ".join(str(view) for view in views)
    return [f"views {listed} seem to show a {name}, each in another place: it was not taken"]


def _confirmed(asking: Asking, pieces: Sequence[Piece], name: str) -> list[float]:
    """Ask about what was found as about any piece; two views must say yes, and most of those asked."""
    if not pieces:
        return []
    closer = replace(asking, pieces=tuple(pieces))
    opinions = [of[name] for of in closer.opinions([name])]
    asking.left = closer.left
    agreed = [sum(p >= YES for p in one.said.values()) for one in opinions]
    return [
        one.confidence if count >= max(2, MOSTLY * len(one.said)) else 0.0
        for one, count in zip(opinions, agreed, strict=True)
    ]


# --- votes --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Bare:
    """A view whose pieces are painted over, and where."""

    still: Still
    hidden: NDArray[np.bool_]


def _bare(scene: Scene, found: Proposals, view: str) -> _Bare:
    """Paint over the pieces of a view, each in the colour around it."""
    import cv2

    pixels = scene.still(view).pixels.copy()
    height, width = pixels.shape[:2]
    hidden = np.zeros((height, width), dtype=bool)
    boxes = []
    for piece in found.pieces:
        patch = piece.patches.get(view)
        if patch is None and view not in found.names:
            patch = projected(scene, view, piece.points)
        if (
            patch is None
            or max((patch.box[2] - patch.box[0]) / width, (patch.box[3] - patch.box[1]) / height) > BIG
        ):
            continue
        x0, y0, x1, y1 = patch.box
        reach = max(3, round(AROUND * max(x1 - x0, y1 - y0)))
        side = np.ones((2 * reach + 1,) * 2, np.uint8)
        closed = cv2.morphologyEx(np.pad(patch.mask.astype(np.uint8), 2 * reach), cv2.MORPH_CLOSE, side)
        own = np.asarray(cv2.dilate(closed, side), dtype=bool)
        left, top = max(0, x0 - 2 * reach), max(0, y0 - 2 * reach)
        right, bottom = min(width, x1 + 2 * reach), min(height, y1 + 2 * reach)
        from_x, from_y = left - (x0 - 2 * reach), top - (y0 - 2 * reach)
        own = own[from_y : from_y + bottom - top, from_x : from_x + right - left]
        hidden[top:bottom, left:right] |= own
        boxes.append((left, top, right, bottom, own))
    clean = pixels.copy()
    for left, top, right, bottom, own in boxes:
        free = ~hidden[top:bottom, left:right]
        near = pixels[top:bottom, left:right][free] if free.any() else pixels[~hidden]
        if len(near):
            clean[top:bottom, left:right][own] = np.median(near, axis=0)
    return _Bare(Still.from_array(clean), hidden)


def _claims(
    asking: Asking, found: Proposals, bare: Mapping[str, _Bare], name: str, share: int
) -> list[Claim]:
    """Ask windows of all views, level by level, and return the places that they agree on."""
    left = share - min(share // 4, FIRST + MORE)
    votes: dict[str, tuple[int, Array]] = {}
    wanted: dict[str, list[tuple[int, int]]] = {view: _grid(*LEVELS[0]) for view in bare}
    for level, (side, _) in enumerate(LEVELS):
        looks = [
            (view, at) for view, places in wanted.items() for at in places if _open(bare[view], at, side)
        ]
        looks = looks[: _whole(looks, left)]
        said = _asked(asking, bare, looks, side, name)
        left -= len(looks)
        wanted = {}
        for view in dict.fromkeys(view for view, _ in looks):
            own = [(at, odds) for (of, at), odds in zip(looks, said, strict=True) if of == view]
            heat = _mean(own, side)
            if heat.max() > 0:
                votes[view] = level, heat
                wanted[view] = _finer(heat, level + 1)
        wanted = dict(sorted(wanted.items(), key=lambda one: -votes[one[0]][1].max()))
    sure = [
        (peak, view, box, level)
        for view, (level, heat) in votes.items()
        for peak, box in _peaks(heat, bare[view].still)
        if level > 0
    ]
    claims = []
    for _, view, box, level in sorted(sure, key=lambda one: -one[0]):
        window = LEVELS[level][0] / CELLS * max(bare[view].still.size)
        margin = int(max(window, box.x1 - box.x0, box.y1 - box.y0) / 2)
        one = claim(asking.scene, view, box, margin, bare[view].hidden)
        if one is not None and one.patch.mask.size <= PLACE * bare[view].hidden.size:
            claims.append(one)
    return _new(found, claims)


def _grid(side: int, count: int) -> list[tuple[int, int]]:
    """Return the corners, column and row in cells, of the windows of a level."""
    ticks = np.linspace(0, CELLS - side, count).round().astype(int).tolist()
    return [(x, y) for y in ticks for x in ticks]


def _box(at: tuple[int, int], side: int, still: Still) -> Box:
    width, height = still.size
    (x, y), cell = at, (width / CELLS, height / CELLS)
    return Box(x0=x * cell[0], y0=y * cell[1], x1=(x + side) * cell[0], y1=(y + side) * cell[1])


def _open(bare: _Bare, at: tuple[int, int], side: int) -> bool:
    """Tell whether a window shows enough that was not painted over, and is large enough to be looked at."""
    box = _box(at, side, bare.still)
    inside = bare.hidden[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
    return min(inside.shape) >= SMALLEST and float(inside.mean()) <= COVERED


def _asked(
    asking: Asking,
    bare: Mapping[str, _Bare],
    looks: Sequence[tuple[str, tuple[int, int]]],
    side: int,
    name: str,
) -> list[float]:
    """Return the log-odds that each window holds the thing."""
    crops = [bare[view].still.crop(_box(at, side, bare[view].still)) for view, at in looks]
    said = asking.there([(crop, view, name) for crop, (view, _) in zip(crops, looks, strict=True)])
    p = np.clip(said, 1e-6, 1 - 1e-6)
    return [float(odds) for odds in np.clip(np.log(p / (1 - p)), -SURE, SURE)]


def _mean(own: Sequence[tuple[tuple[int, int], float]], side: int) -> Array:
    """Return the mean log-odds of the windows over each cell, (CELLS, CELLS); none is a no."""
    total, count = np.zeros((CELLS, CELLS)), np.zeros((CELLS, CELLS))
    for (x, y), odds in own:
        total[y : y + side, x : x + side] += odds
        count[y : y + side, x : x + side] += 1
    return np.where(count > 0, total / np.maximum(count, 1), -SURE)


def _finer(heat: Array, level: int) -> list[tuple[int, int]]:
    """Return the windows of a level whose middle is in what said yes; none where that is large for them."""
    if level == len(LEVELS):
        return []
    half = LEVELS[level][0] // 2
    places = [(x, y) for x, y in _grid(*LEVELS[level]) if heat[y + half, x + half] > 0]
    return places if len(places) <= MOST else []


def _whole(looks: Sequence[tuple[str, tuple[int, int]]], left: int) -> int:
    """Return how many of the looks can be taken, so that every view has all of its own or none."""
    return max((k for k in range(min(left, len(looks)) + 1)
                if k in (0, len(looks)) or looks[k - 1][0] != looks[k][0]), default=0)  # fmt: skip


def _peaks(heat: Array, still: Still) -> list[tuple[float, Box]]:
    """Return the places that nearly all windows over them agree on, the surest first."""
    top = float(heat.max())
    if top <= 0:
        return []
    parts, count = connected(heat >= AGREED * top)
    found = []
    for part in range(1, count + 1):
        rows, columns = np.nonzero(parts == part)
        at = (int(columns.min()), int(rows.min()))
        wide, high = int(columns.max()) + 1 - at[0], int(rows.max()) + 1 - at[1]
        if wide * high > PLACE * CELLS**2:
            continue
        x, y = still.size.width / CELLS, still.size.height / CELLS
        box = Box(x0=at[0] * x, y0=at[1] * y, x1=(at[0] + wide) * x, y1=(at[1] + high) * y)
        found.append((float(heat[parts == part].mean()), box))
    return sorted(found, key=lambda one: -one[0])[:CLAIMS]


def _new(found: Proposals, claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims that are no pieces, which were asked about, and none twice."""
    kept: list[Claim] = []
    for one in claims:
        x0, y0, x1, y1 = one.patch.box
        box = Box(x0=x0, y0=y0, x1=x1, y1=y1)
        asked = [piece.patches[one.view].box for piece in found.pieces if one.view in piece.patches]
        asked += [other.patch.box for other in kept if other.view == one.view]
        if all(overlap(other, box) < ASKED for other in asked):
            kept.append(one)
    return kept
