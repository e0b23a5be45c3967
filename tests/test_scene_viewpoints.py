"""Questions about scenes that are seen from somewhere: sides, what is nearer, views by number and by name."""

from __future__ import annotations

from typing import Any

import pytest

from sightloop.errors import SceneError
from sightloop.tools.scene_questions import SIDES, parse
from sightloop.tools.scene_viewpoints import Viewpoint, named_view

from .meanings import BOTH, FROM_2, FROM_3, NAMES, meant

# ---------------------------------------------------------------- sides


@pytest.mark.parametrize(
    "question",
    [
        "Is the red cube left of the blue ball seen from view 3?",
        "From view 3, is the red cube to the left of the blue ball?",
        "Seen from the third view, is the red cube on the left side of the blue ball?",
        "tell me whether the red cube is to the left of the blue ball in view 3",
        "Is the red cube, as seen from view 3, left of the blue ball?",
        "Is the red cube left of the blue ball seen from view3.png?",
        "Judged from view 3, does the red cube stand left of the blue ball?",
        "Is the red cube to the left of the blue ball from the perspective of camera 3?",
    ],
)
def test_whether_a_side_holds(question: str) -> None:
    read = {"things": BOTH, "relation": "left", "polar": True, "viewpoint": FROM_3}
    assert meant(question) == {"kind": "relation", **read}


@pytest.mark.parametrize(
    ("question", "offered"),
    [
        ("Seen from view 2, which side of the blue ball is the red cube on?", SIDES[:2]),
        ("On which hand of the blue ball do you see the red cube from view 2?", SIDES[:2]),
        ("Is the red cube left or right of the blue ball in view 2?", SIDES[:2]),
        ("Is the red cube in front of or behind the blue ball from view 2?", SIDES[2:]),
        ("Where is the red cube relative to the blue ball, seen from view 2?", SIDES),
    ],
)
def test_which_side(question: str, offered: tuple[str, ...]) -> None:
    read = {"things": BOTH, "offered": offered, "viewpoint": FROM_2}
    assert meant(question) == {"kind": "relation", **read}


@pytest.mark.parametrize(
    "question",
    [
        "which is nearer to view 2, the red cube or the blue ball?",
        "Which of the red cube and the blue ball is closer to view 2?",
        "Is the red cube or the blue ball nearer to view 2?",
        "The red cube or the blue ball: which is closer to view 2?",
        "Of the red cube and the blue ball, which lies closer to view 2?",
        "Is it the red cube or the blue ball that is closer to view 2?",
    ],
)
def test_which_is_nearer(question: str) -> None:
    assert meant(question) == {"kind": "relation", "things": BOTH, "relation": "nearer", "viewpoint": FROM_2}


def test_nearer_to_a_thing_than_another() -> None:
    read = meant("Is the red cube closer to the sofa than the blue ball?")
    sofa = Viewpoint(at="sofa")
    nearer = {"things": BOTH, "relation": "nearer", "polar": True, "viewpoint": sofa}
    assert read == {"kind": "relation", **nearer}
    farther = meant("Which is further from the sofa, the red cube or the blue ball?")
    assert farther == {"kind": "relation", "things": BOTH, "relation": "farther", "viewpoint": sofa}


@pytest.mark.parametrize(
    "question",
    [
        "Standing at the door facing the sofa, is the lamp on my left?",
        "Standing at the door facing the sofa is the lamp on my left?",
        "If I stand at the door and look at the sofa, is the lamp on my left?",
        "When you stand by the door and face the sofa, do you have the lamp on your left?",
        "I am at the door. Facing the sofa, is the lamp to my left?",
        "Is the lamp on my left if I'm at the door looking at the sofa?",
    ],
)
def test_standing_at_one_thing_and_facing_another(question: str) -> None:
    place = Viewpoint(at="door", facing="sofa")
    read = {"things": ("lamp",), "relation": "left", "polar": True, "viewpoint": place}
    assert meant(question) == {"kind": "relation", **read}


def test_standing_at_a_thing_and_looking_nowhere() -> None:
    read = {"things": ("bed",), "relation": "right", "polar": True, "viewpoint": Viewpoint(at="doorway")}
    assert meant("Standing in the doorway, is the bed on the right?") == {"kind": "relation", **read}


def test_everything_named_has_to_be_found() -> None:
    asked = parse("Standing at the door facing the sofa, which chair is behind the lamp?", NAMES)
    assert asked.named == ("lamp", "door", "sofa", "chair")


@pytest.mark.parametrize(
    ("question", "read"),
    [
        (
            "what is behind the sofa as seen from the window?",
            {"things": ("sofa",), "relation": "behind", "viewpoint": Viewpoint(at="window")},
        ),
        (
            "From the window, what is behind the sofa?",
            {"things": ("sofa",), "relation": "behind", "viewpoint": Viewpoint(at="window")},
        ),
        (
            "What's to the left of the sofa, as seen from view 2?",
            {"things": ("sofa",), "relation": "left", "viewpoint": FROM_2},
        ),
        (
            "Which chair is right of the sofa in view 3?",
            {"things": ("sofa",), "relation": "right", "viewpoint": FROM_3, "among": "chair"},
        ),
        (
            "Which object is hidden behind the sofa from view 3?",
            {"things": ("sofa",), "relation": "behind", "viewpoint": FROM_3},
        ),
        ("Is there anything behind the sofa?", {"things": ("sofa",), "relation": "behind"}),
        (
            "Is there a chair to the left of the sofa, seen from view 2?",
            {"things": ("sofa",), "relation": "left", "viewpoint": FROM_2, "among": "chair"},
        ),
        (
            "I'm at the window looking at the door. What is on my right?",
            {"relation": "right", "viewpoint": Viewpoint(at="window", facing="door")},
        ),
    ],
)
def test_what_is_on_a_side(question: str, read: dict[str, Any]) -> None:
    assert meant(question) == {"kind": "behind", **read}


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("what is nearest to the sofa?", {"things": ("sofa",)}),
        ("What thing stands closest to the sofa?", {"things": ("sofa",)}),
        ("What is the closest object to the sofa?", {"things": ("sofa",)}),
        ("What is the nearest neighbour of the sofa?", {"things": ("sofa",)}),
        ("Which chair is nearest to the sofa?", {"things": ("sofa",), "among": "chair"}),
        ("what is nearest to view 2?", {"viewpoint": FROM_2}),
        ("What is farthest from the sofa?", {"things": ("sofa",), "relation": "farther"}),
    ],
)
def test_what_is_nearest(question: str, read: dict[str, Any]) -> None:
    assert meant(question) == {"kind": "nearest", "relation": "nearer", **read}


# ---------------------------------------------------------------- views


@pytest.mark.parametrize(
    ("words", "view"),
    [
        ("view 3", "c.png"),
        ("the third view", "c.png"),
        ("camera number 2", "b.png"),
        ("the last picture", "view_1.jpg"),
        ("view 1", "view_1.jpg"),  # what is called so goes before what stands there
        ("image 1", "a.png"),
        ("b.png", "b.png"),
        ("scan/a", None),
        ("the window", None),
    ],
)
def test_views_are_named_by_number_and_by_file(words: str, view: str | None) -> None:
    assert named_view(words, ["a.png", "b.png", "c.png", "view_1.jpg"]) == view


@pytest.mark.parametrize("words", ["view 9", "the tenth view", "camera 0"])
def test_a_view_that_is_not_there_is_an_error(words: str) -> None:
    with pytest.raises(SceneError, match=f"no {words.removeprefix('the ')}.*8 views"):
        parse(f"Is the mug left of the box seen from {words}?", NAMES)
