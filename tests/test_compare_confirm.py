"""Looking at a difference again: what is true is confirmed, what is not is rejected, of worlds drawn here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sightloop import LlavaNext, Still
from sightloop.memory import Box
from sightloop.tools.changed_pairs import Pair
from sightloop.tools.changed_worlds import world_pairs
from sightloop.tools.compare import compare
from sightloop.tools.confirm import confirm
from sightloop.tools.differences import Difference, Kind

from .scripted import ScriptedEyes

SURE = 0.6
OTHER: dict[str, Kind] = {"added": "moved", "removed": "recoloured", "moved": "resized",
                          "recoloured": "removed", "resized": "added"}  # fmt: skip


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return [pair for pair in world_pairs(43, 24) if pair.source == "world"]


def stills(pair: Pair) -> tuple[Still, Still]:
    return Still.from_array(pair.before), Still.from_array(pair.after)


def claim(pair: Pair, kind: Kind | None = None, words: str | None = None) -> Difference:
    assert pair.truth is not None
    kind = kind or pair.truth.kind
    before, after = pair.truth.places
    return Difference(
        kind=kind,
        before=None if kind == "added" else before,
        after=None if kind == "removed" else after,
        words=words or pair.truth.words,
        probability=0.9,
    )


def test_what_is_true_is_confirmed_and_another_kind_is_not(eyes: LlavaNext, pairs: list[Pair]) -> None:
    changed = [pair for pair in pairs if pair.truth]
    assert len(changed) >= 6
    true = [confirm(eyes, *stills(pair), claim(pair))[0] for pair in changed]
    assert np.mean([right >= SURE for right in true]) >= 0.95
    other = [
        confirm(eyes, *stills(pair), claim(pair, OTHER[pair.truth.kind]))[1] for pair in changed if pair.truth
    ]
    assert np.mean([wrong >= SURE for wrong in other]) >= 0.95


def test_where_nothing_differs_nothing_is_confirmed(eyes: LlavaNext, pairs: list[Pair]) -> None:
    same = [pair for pair in pairs if pair.truth is None]
    assert len(same) >= 6
    place = Box(x0=60, y0=60, x1=150, y1=150)
    for pair in same:
        words = "the red circle became blue"
        false = Difference(kind="recoloured", before=place, after=place, words=words, probability=0.9)
        right, wrong = confirm(eyes, *stills(pair), false)
        assert right < 0.1
        assert wrong >= SURE


def test_a_thing_that_is_called_otherwise_is_not_confirmed(eyes: LlavaNext, pairs: list[Pair]) -> None:
    named = [pair for pair in pairs if pair.truth and pair.truth.kind in ("added", "removed", "moved")]
    verdicts = []
    for pair in named:
        assert pair.truth is not None
        colour = "blue" if "blue" not in pair.truth.words else "yellow"
        ending = pair.truth.words.split()[-1]
        words = f"a {colour} star {ending}" if ending == "appeared" else f"the {colour} star {ending}"
        verdicts.append(confirm(eyes, *stills(pair), claim(pair, words=words)))
    assert len(verdicts) >= 4
    assert max(right for right, _ in verdicts) < SURE


def test_eyes_that_cannot_tell_leave_it_open() -> None:
    """Pixels show that something came; whether it is a cup nobody knows: neither confirmed nor rejected."""
    rng = np.random.default_rng(0)
    before = rng.integers(90, 110, (200, 300, 3)).astype(np.uint8)
    after = before.copy()
    after[60:120, 80:160] = (220, 30, 30)
    shown = Still.from_array(before), Still.from_array(after)

    def weigh(prompt: Sequence[object], options: Sequence[str]) -> Sequence[float]:
        return [1.0] * len(options)

    looking = ScriptedEyes(lambda prompt: ("cup", 0.5), weigh)
    (found,) = compare(looking, shown)[0].differences
    assert found.kind == "added"
    right, wrong = confirm(looking, *shown, found)
    assert right <= 0.5
    assert wrong <= 0.1
    unknown = found.model_copy(update={"words": "something appeared"})
    assert confirm(looking, *shown, unknown)[0] > 0.9
