"""Scene maps: to scale, up is where the first view looks, and every object has one label everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pages import box
from scenery import BLOCKS, LABELS, LENS, looking, opened, surveyed

from sightloop import Still
from sightloop.errors import InputError
from sightloop.memory.fusion import fuse
from sightloop.memory.placed import Placed, Shot, Survey
from sightloop.memory.scene import Scene
from sightloop.tools.mark import color_of, mark
from sightloop.tools.scene_map import SIDE, SLIMMEST, draw, map_axes, marked, nice

EYE = tuple(tuple(row) for row in np.eye(3))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return opened(tmp_path_factory.mktemp("scene"))


def painted(still: Still, color: tuple[int, int, int]) -> np.ndarray:
    """The (x, y) of all pixels of a colour."""
    return np.argwhere((still.pixels == color).all(axis=2))[:, ::-1]


def square(label: int, x: float, y: float, side: float) -> Placed:
    return Placed(
        label=label,
        name="o",
        centre=(x, y, 0.5),
        covariance=EYE,
        size=(side, side, 1.0),
        confidence=1,
    )


def shot(eye: tuple[float, float, float], target: tuple[float, float, float]) -> Shot:
    pose = tuple(tuple(row) for row in looking(eye, target))
    return Shot(camera="a", world_to_camera=pose, intrinsics=LENS, width=128, height=96, looked=True)


directions = arrays(np.float64, 3, elements=st.floats(-1, 1)).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(directions, directions, directions)
def test_the_axes_of_a_map(up: np.ndarray, forward: np.ndarray, side: np.ndarray) -> None:
    right = np.cross(forward, side)
    if np.linalg.norm(right) < 1e-3:
        return
    pose = np.eye(4)
    rows = [right, np.cross(forward, right), forward]
    pose[:3, :3] = [row / np.linalg.norm(row) for row in rows]
    axes = map_axes(up, pose)
    assert np.allclose(axes @ axes.T, np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(1)
    assert np.allclose(axes[2], up / np.linalg.norm(up))
    ahead = axes[1] @ pose[2, :3]
    assert ahead > 0 or axes[1] @ -pose[1, :3] > 0


@given(st.floats(1e-6, 1e6))
def test_nice_lengths(length: float) -> None:
    found = nice(length)
    assert found <= length * (1 + 1e-6) < 2.5 * found * (1 + 1e-5)
    assert float(f"{found:.3e}"[:5]) in (1, 2, 5)


def test_a_map_is_to_scale_and_its_first_view_looks_up() -> None:
    # The view looks along x: on the map, x is up, and y is left.
    survey = Survey(
        source="synthetic",
        metric=True,
        up=(0, 0, 1),
        shots=(shot((-6, 0, 1), (0, 0, 1)),),
        placed=(square(1, 0, 0, 2), square(2, 3, -4, 2)),
    )
    still = draw(survey)
    (first, second) = (painted(still, color_of(label)) for label in (1, 2))
    pixels_a_metre = np.ptp(first[:, 0]) / 2
    assert np.ptp(second[:, 0]) / 2 == pytest.approx(pixels_a_metre, rel=0.02)
    # Names stand above, so that sides and lower edges are those of the squares.
    assert (second[:, 0].max() - first[:, 0].max()) == pytest.approx(4 * pixels_a_metre, rel=0.02)
    assert (first[:, 1].max() - second[:, 1].max()) == pytest.approx(3 * pixels_a_metre, rel=0.02)
    # The scale bar is the long dark line near the lower left corner.
    rows = (still.pixels[-15, :] == (28, 30, 33)).all(axis=1)
    length = np.argmin(rows[np.argmax(rows) :])
    assert any(length == pytest.approx(metres * pixels_a_metre, abs=4) for metres in (1, 2, 5))


def test_what_is_there_is_seen_from_above(scene: Scene) -> None:
    survey, cloud = surveyed(scene), fuse(scene)
    bare, still = draw(survey), draw(survey, cloud)
    assert bare != still
    for label, (_, _, color) in zip(LABELS, BLOCKS.values(), strict=True):
        outline = painted(still, color_of(label))
        x, y = np.median(outline, axis=0).astype(int)
        around = still.pixels[max(0, y - 60) : y + 60, max(0, x - 60) : x + 60].reshape(-1, 3).astype(int)
        strong = around[around.max(axis=1) - around.min(axis=1) > 60]
        strong = strong[(strong != color_of(label)).any(axis=1)]
        assert np.argmax(np.median(strong, axis=0)) == np.argmax(color)


def test_one_label_for_an_object_in_every_picture(scene: Scene) -> None:
    survey = surveyed(scene)
    pictures = [marked(scene, survey, name) for name in scene.names]
    for label in LABELS:
        assert all(len(painted(picture, color_of(label))) > 20 for picture in [*pictures, draw(survey)])
    others = {color_of(label) for label in range(1, 7)} - {color_of(label) for label in LABELS}
    assert not any(len(painted(picture, color)) for picture in pictures for color in others)


def test_a_view_that_shows_nothing_comes_back_as_it_is(scene: Scene) -> None:
    survey = surveyed(scene).model_copy(update={"placed": ()})
    still = marked(scene, survey, scene.names[0])
    assert still == scene.still(scene.names[0])


@example([(0.0, 0.0, 5e-324)], True, False)
@given(
    st.lists(st.tuples(*[st.floats(-50, 50)] * 2, st.floats(0, 20)), max_size=8),
    st.booleans(),
    st.booleans(),
)
def test_any_survey_can_be_drawn(
    places: list[tuple[float, float, float]], metric: bool, viewed: bool
) -> None:
    survey = Survey(
        source="synthetic",
        metric=metric,
        up=(0, 0, 1),
        shots=(shot((1, 2, 3), (0, 0, 0)),) if viewed else (),
        placed=tuple(square(number, *place) for number, place in enumerate(places, start=1)),
    )
    still = draw(survey)
    assert SIDE * SLIMMEST - 1 <= min(still.size) <= max(still.size) <= SIDE


def test_an_object_without_an_extent_is_the_ellipse_of_its_centre(scene: Scene) -> None:
    survey = surveyed(scene, extents=False)
    assert all(len(painted(draw(survey), color_of(label))) > 20 for label in LABELS)


def test_labels_are_given_or_counted() -> None:
    still = Still.from_array(np.full((60, 80, 3), 255, np.uint8))
    boxes = [box(10, 30, 20, 40), box(40, 30, 50, 40)]
    assert mark(still, boxes, (1, 2)) == mark(still, boxes)
    assert mark(still, boxes, (4, 9)) != mark(still, boxes)
    with pytest.raises(InputError, match="2 boxes need as many labels, not 1"):
        mark(still, boxes, (4,))
