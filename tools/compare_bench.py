"""How well changes are found, and how much of that is the loop's: the same numbers for the model alone.

``worlds``: pairs of the pocket's worlds, their geometry known to the pixel. A change counts where its kind is
right and its boxes, on both sides where there is one, overlap the truth's (IoU >= 0.5). ``photographs``: real
ones with a change made here (:mod:`.changed_photos`); one counts as found where a box overlaps its place
(IoU >= 0.3), and every other box is false. ``bare`` is the model shown both pictures in one prompt
(:mod:`.bare_change`).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..memory import Size, Still
from .bare_change import Said, bare_changes
from .changed_pairs import Pair, Truth, perturbed
from .changed_photos import photo_pairs, photographs
from .changed_worlds import different_scenes, world_pairs
from .compare import compare
from .differences import Kind, iou
from .look import Eyes
from .perturb import PERTURBATIONS

if TYPE_CHECKING:
    from .llava_next import LlavaNext

OVERLAP, NEAR = 0.5, 0.3
"""IoU from which a box of a world, and one of a photograph, is right."""
F1, FALSE_ALARMS, RECALL, FALSE_BOXES = 0.90, 0.05, 0.90, 0.10
"""Targets."""
WAYS = 2
"""Perturbations, in turn, that each pair goes through."""
SCENES = 0.2
"""Pairs of different scenes, as a share of the worlds."""
KINDS: tuple[Kind, ...] = ("added", "removed", "moved", "recoloured", "resized", "text changed")


@dataclass(frozen=True, slots=True)
class Told:
    """A pair, and what the loop and the model alone said has changed."""

    pair: Pair
    loop: list[Said]
    bare: list[Said]


def right(said: Said, truth: Truth) -> bool:
    """Tell whether a change has its kind and its places."""
    sides = ((said.before, truth.before), (said.after, truth.after))
    placed = all(box is not None and iou(box, there) >= OVERLAP for box, there in sides if there is not None)
    return said.kind == truth.kind and placed


def near(said: Said, truth: Truth) -> bool:
    """Tell whether a change is where the truth is, on any side."""
    boxes = zip((said.before, said.after), truth.places, strict=True)
    return any(box is not None and iou(box, place) >= NEAR for box, place in boxes)


def told(eyes: Eyes, pairs: Sequence[Pair]) -> list[Told]:
    """Ask the loop and the model alone about every pair."""
    stills = [(Still.from_array(pair.before), Still.from_array(pair.after)) for pair in pairs]
    alone = bare_changes(eyes, stills, _mean_size(pairs))
    return [
        Told(pair, _loop(eyes, both), said) for pair, both, said in zip(pairs, stills, alone, strict=True)
    ]


def _loop(eyes: Eyes, stills: tuple[Still, Still]) -> list[Said]:
    (comparison,) = compare(eyes, stills)
    return [Said(d.kind, d.before, d.after, d.words) for d in comparison.differences]


def _mean_size(pairs: Sequence[Pair]) -> Size | None:
    boxes = [box for pair in pairs if pair.truth for box in pair.truth.places]
    if not boxes:
        return None
    wide = statistics.mean(box.x1 - box.x0 for box in boxes)
    return Size(round(wide), round(statistics.mean(box.y1 - box.y0 for box in boxes)))


# --- rows ---------------------------------------------------------------------------------------------

Score = Callable[[Sequence[tuple[Truth | None, list[Said]]]], float]


def f1(kind: Kind | None = None, placed: bool = True) -> Score:
    """Return the F1 of changes of a kind, or of all; with their places or without."""

    def score(answers: Sequence[tuple[Truth | None, list[Said]]]) -> float:
        hits = claims = changes = 0
        for truth, said in answers:
            claimed = [s for s in said if kind in (None, s.kind)]
            meant = truth if truth is not None and kind in (None, truth.kind) else None
            claims += len(claimed)
            changes += meant is not None
            if meant is not None:
                hits += any(right(s, meant) if placed else s.kind == meant.kind for s in claimed)
        return 2 * hits / max(1, claims + changes)

    return score


def false_alarms(answers: Sequence[tuple[Truth | None, list[Said]]]) -> float:
    """Return the share of unchanged pairs in which a change is told."""
    return statistics.mean(bool(said) for truth, said in answers if truth is None)


def recall(answers: Sequence[tuple[Truth | None, list[Said]]]) -> float:
    """Return the share of changes near which a box is."""
    return statistics.mean(any(near(s, truth) for s in said) for truth, said in answers if truth)


def false_boxes(answers: Sequence[tuple[Truth | None, list[Said]]]) -> float:
    """Return how many changes a pair are told that are no change, beyond the one that is near it."""
    spare = [len(said) - any(near(s, truth) for s in said) for truth, said in answers if truth]
    return statistics.mean(spare)


def kinds_right(answers: Sequence[tuple[Truth | None, list[Said]]]) -> float:
    """Return the share of the changes found whose kind is right."""
    found = [
        any(near(s, truth) and s.kind == truth.kind for s in said)
        for truth, said in answers
        if truth and any(near(s, truth) for s in said)
    ]
    return statistics.mean(found) if found else 0.0


def words_right(answers: Sequence[tuple[Truth | None, list[Said]]]) -> float:
    """Return the share of changes told word for word as the worlds tell them."""
    return statistics.mean(
        [s.words.replace(" ", "").casefold() for s in said] == [truth.words.replace(" ", "")]
        for truth, said in answers
        if truth
    )


def _row(name: str, answers: Sequence[Told], score: Score, n: int, target: float | None = None,
         least: bool = True) -> dict[str, Any]:  # fmt: skip
    loop, bare = (
        score([(a.pair.truth, said) for a, said in zip(answers, side, strict=True)])
        for side in ([a.loop for a in answers], [a.bare for a in answers])
    )
    met = None if target is None else (loop >= target if least else loop <= target)
    values = {"loop": round(loop, 3), "bare": round(bare, 3)}
    return {"row": name, **values, "n": n, "target": target, "met": met}


def _world_rows(eyes: Eyes, seed: int, count: int) -> list[dict[str, Any]]:
    answers = told(eyes, list(world_pairs(seed, count)))
    changed = [a for a in answers if a.pair.truth]
    same = [a for a in answers if not a.pair.truth]
    rows = [
        _row("worlds: F1 of changes", answers, f1(), len(answers), F1),
        *(
            _row(f"worlds: F1, {kind}", answers, f1(kind), len(some))
            for kind in KINDS
            if (some := [a for a in changed if a.pair.truth and a.pair.truth.kind == kind])
        ),
        _row("worlds: F1 of kinds, places aside", answers, f1(placed=False), len(answers)),
        _row("worlds: told word for word", changed, words_right, len(changed)),
        _row("worlds: false alarms, unchanged", same, false_alarms, len(same), FALSE_ALARMS, least=False),
    ]
    again = told(eyes, list(_through([a.pair for a in answers])))
    unchanged = [a for a in again if not a.pair.truth]
    return [
        *rows,
        _row("worlds, perturbed: F1 of changes", again, f1(), len(again)),
        _row("worlds, perturbed: false alarms, unchanged", unchanged, false_alarms, len(unchanged),
             FALSE_ALARMS, least=False),
    ]  # fmt: skip


def _through(pairs: Sequence[Pair], plain: bool = False) -> Iterator[Pair]:
    """Perturb every pair in some of the ways, so that all are as frequent; ``plain`` is one of them."""
    ways = [*([""] if plain else []), *PERTURBATIONS]
    for index, pair in enumerate(pairs):
        for turn in range(WAYS):
            way = ways[(WAYS * index + turn) % len(ways)]
            yield perturbed(pair, way) if way else pair


def _photo_rows(eyes: Eyes, seed: int) -> list[dict[str, Any]]:
    photos = photographs()
    changed = told(eyes, list(_through(list(photo_pairs(seed, photos)), plain=True)))
    same = [
        perturbed(Pair(photo, photo, None, source=name), way)
        for name, photo in photos.items()
        for way in PERTURBATIONS
    ]
    unchanged = told(eyes, same)
    return [
        _row("photographs: recall of places", changed, recall, len(changed), RECALL),
        _row("photographs: false boxes a pair", changed, false_boxes, len(changed), FALSE_BOXES, least=False),
        _row("photographs: kinds of those found", changed, kinds_right, len(changed)),
        _row("photographs: false alarms, unchanged", unchanged, false_alarms, len(unchanged), FALSE_ALARMS,
             least=False),
    ]  # fmt: skip


def _scene_rows(eyes: Eyes, seed: int, count: int) -> list[dict[str, Any]]:
    """Different scenes: whether that is noticed, and the objects that both show and that only one does."""
    noticed, hits, said, there = [], 0, 0, 0
    for world, (one, other) in different_scenes(seed, count):
        stills = [Still.from_array(image) for image in world.render(3.0)[0]]
        (found,) = compare(eyes, stills)
        noticed.append(not found.same_scene)
        truths = (one & other, one - other, other - one)
        pairs = zip((found.shared, found.only_before, found.only_after), truths, strict=True)
        for listed, truth in pairs if not found.same_scene else ():
            hits += len(set(listed) & truth)
            said += len(listed)
            there += len(truth)
    share = statistics.mean(noticed)
    f_one = 2 * hits / max(1, said + there)
    return [
        {"row": name, "loop": round(value, 3), "bare": None, "n": count, "target": None, "met": None}
        for name, value in (("scenes: told apart", share), ("scenes: F1 of shared and other things", f_one))
    ]


def run(seed: int = 1, count: int = 120, eyes: LlavaNext | None = None) -> dict[str, Any]:
    """Measure comparing.

    Parameters
    ----------
    seed : int
        Of the worlds and of the changes made to photographs; development used seeds from 100 on.
    count : int
        Pairs of worlds; the photographs are always all.
    eyes : LlavaNext
        The model to measure; the embedded one if None.

    Returns
    -------
    dict
        ``rows``, each with ``row`` (its name), ``loop``, ``bare`` (None where a model alone is not asked),
        ``n``, ``target`` and ``met`` (None where there is none); ``model``, ``seed``, ``worlds`` and
        ``seconds``.

    Raises
    ------
    MissingExtraError
        If scikit-image or scikit-learn, whose photographs it needs, is not installed.
    """
    from .llava_next import LlavaNext

    start = time.perf_counter()

    eyes = eyes or LlavaNext()
    rows = [
        *_world_rows(eyes, seed, count),
        *_photo_rows(eyes, seed),
        *_scene_rows(eyes, seed, max(1, round(SCENES * count))),
    ]
    seconds = round(time.perf_counter() - start, 1)
    return {"model": eyes.name, "seed": seed, "worlds": count, "rows": rows, "seconds": seconds}
