"""The bench of comparing: its pairs have the truth that they say, and its scores are what they are called."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.errors import MissingExtraError
from sightloop.memory import Box
from sightloop.tools.bare_change import Said, changes_told
from sightloop.tools.changed_pairs import Pair, Truth, perturbed
from sightloop.tools.changed_photos import KINDS, VISIBLE, photo_pairs, photographs
from sightloop.tools.changed_worlds import kind_of, world_pairs
from sightloop.tools.compare_bench import f1, false_alarms, false_boxes, recall
from sightloop.tools.differences import Comparison, Difference, iou
from sightloop.tools.perturb import PERTURBATIONS
from sightloop.tools.small_looks import Part

corner = st.integers(0, 200)
sizes = st.integers(1, 100)
boxes = st.builds(lambda x, y, w, h: Box(x0=x, y0=y, x1=x + w, y1=y + h), corner, corner, sizes, sizes)


@given(boxes, boxes)
def test_overlap_is_symmetric_and_whole_only_for_one_box(one: Box, other: Box) -> None:
    assert iou(one, other) == pytest.approx(iou(other, one))
    assert 0 <= iou(one, other) <= 1
    assert (iou(one, other) == 1) == (one == other)


def test_all_that_differs_in_a_pair_of_worlds_lies_where_the_truth_says() -> None:
    for pair in world_pairs(3, 40):
        differs = np.abs(pair.before.astype(int) - pair.after).max(2) > 60
        if pair.truth is None:
            assert not differs.any()
            continue
        for box in pair.truth.places:
            differs[int(box.y0) - 2 : int(box.y1) + 3, int(box.x0) - 2 : int(box.x1) + 3] = False
        assert not differs.any()


def test_changes_of_photographs_show_where_the_truth_says() -> None:
    photos = {name: photo for name, photo in photographs().items() if name in ("coffee", "camera", "coins")}
    made = list(photo_pairs(5, photos))
    assert [pair.truth.kind for pair in made if pair.truth] == [*KINDS] * 3
    for pair in made:
        assert pair.truth is not None
        differs = np.abs(pair.before.astype(int) - pair.after).max(2)
        place = pair.truth.places[0]
        inside = (slice(int(place.y0), int(place.y1)), slice(int(place.x0), int(place.x1)))
        assert np.median(differs[inside]) > VISIBLE
        differs[inside] = 0
        assert not differs.any()


@pytest.mark.parametrize("name", list(PERTURBATIONS))
def test_the_truth_moves_with_the_pixels(name: str) -> None:
    """A white block on black is still in its box, whatever the picture goes through."""
    before = np.zeros((240, 320, 3), np.uint8)
    after = before.copy()
    after[100:140, 150:200] = 255
    place = Box(x0=150, y0=100, x1=200, y1=140)
    moved = perturbed(Pair(before, after, Truth("added", None, place, (place, place))), name)
    assert moved.truth is not None
    assert moved.truth.after is not None
    ys, xs = np.nonzero(moved.after.min(2) > 128)
    seen = Box(x0=float(xs.min()), y0=float(ys.min()), x1=float(xs.max() + 1), y1=float(ys.max() + 1))
    assert iou(seen, moved.truth.after) > 0.9


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nothing changed", []),
        ("a red circle appeared", [("added", "red circle")]),
        ("the blue star disappeared", [("removed", "blue star")]),
        ("the cyan ring moved", [("moved", "cyan ring")]),
        ("the black cross became large", [("resized", "black cross")]),
        ("the black cross became green", [("recoloured", "black cross")]),
        ('the text changed from "ab" to "cd"', [("text changed", "text")]),
        ("A cup was added. The lamp moved.", [("added", "cup"), ("moved", "lamp")]),
    ],
)
def test_what_a_sentence_tells(text: str, told: list[tuple[str, str]]) -> None:
    assert [(kind, thing) for kind, _, thing in changes_told(text)] == told


def test_the_kinds_of_the_worlds_are_those_read_from_their_words() -> None:
    for pair in world_pairs(7, 60):
        if pair.truth and pair.source == "world":
            ((kind, _, thing),) = changes_told(pair.truth.words)
            assert kind == pair.truth.kind == kind_of(pair.truth.words)
            assert thing in pair.truth.words


def test_scores_of_all_that_is_right_and_of_nothing() -> None:
    place, other = Box(x0=0, y0=0, x1=10, y1=10), Box(x0=50, y0=50, x1=60, y1=60)
    truth = Truth("recoloured", place, place, (place, place))
    right, misplaced = Said("recoloured", place, place, ""), Said("recoloured", place, other, "")
    assert f1()([(truth, [right]), (None, [])]) == 1
    assert f1()([(truth, []), (None, [])]) == 0
    assert f1()([(truth, [misplaced])]) == 0
    assert f1(placed=False)([(truth, [misplaced])]) == 1
    assert f1()([(truth, [right, misplaced])]) == pytest.approx(2 / 3)
    assert false_alarms([(None, [right]), (None, []), (truth, [])]) == 0.5
    assert recall([(truth, [right]), (truth, [Said("moved", other, other, "")])]) == 0.5
    assert false_boxes([(truth, [right, right]), (truth, [Said("moved", other, other, "")])]) == 1


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("skimage"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"sightloop\[dev\]") as caught:
        photographs()
    assert caught.value.package == "scikit-image"


# ---------------------------------------------------------------- records


def test_a_comparison_survives_json() -> None:
    place = Box(x0=0, y0=0, x1=10, y1=10)
    words = 'the text changed from "ab" to "cd"'
    changed = Difference(kind="text changed", before=place, after=place, words=words, probability=0.5)
    same = Comparison(before=1, after=3, same_scene=True, differences=(changed,), correlation=0.9,
                      parts=(Part(0, "What?", "that", 0.5),))  # fmt: skip
    other = Comparison(before=1, after=2, same_scene=False, differences=(), correlation=0.1,
                       shared=("cup", "orange"), only_after=("lamp",))  # fmt: skip
    for record in (same, other, changed):
        assert type(record).model_validate_json(record.model_dump_json()) == record
    assert same.words == words
    assert other.words == (
        "these are pictures of different scenes: both show a cup and an orange; only the second shows a lamp"
    )


@pytest.mark.parametrize(("kind", "sides"), [("added", (1, 1)), ("removed", (0, 1)), ("moved", (1, 0))])
def test_a_difference_lies_where_its_kind_can(kind: str, sides: tuple[int, int]) -> None:
    place = Box(x0=0, y0=0, x1=10, y1=10)
    before, after = (place if side else None for side in sides)
    with pytest.raises(ValueError, match="no such boxes"):
        Difference(kind=kind, before=before, after=after, words="", probability=0.5)  # type: ignore[arg-type]
