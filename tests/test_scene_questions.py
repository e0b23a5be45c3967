"""Questions about scenes, as people word them: what is measured, between what, seen from where."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sightloop.errors import SceneError
from sightloop.tools.scene_asked import WORDINGS
from sightloop.tools.scene_questions import parse
from sightloop.tools.scene_viewpoints import Viewpoint

from .meanings import BOTH, FROM_2, FROM_3, NAMES, meant

# ---------------------------------------------------------------- lengths


@pytest.mark.parametrize(
    "question",
    [
        "How far is the red cube from the blue ball?",
        "how far away from the blue ball is the red cube",
        "How far apart are the red cube and the blue ball?",
        "How far apart from each other are the red cube and the blue ball?",
        "Tell me how far the red cube is from the blue ball.",
        "Could you tell me the distance between the red cube and the blue ball?",
        "What's the shortest distance from the red cube to the blue ball?",
        "What is the distance of the red cube from the blue ball?",
        "How close is the red cube to the blue ball?",
        "How many metres lie between the red cube and the blue ball?",
        "how many centimetres is the red cube from the blue ball?",
        "How much empty space separates the red cube from the blue ball?",
        "Measure the gap between the red cube and the blue ball, surface to surface.",
        "The red cube and the blue ball: how far apart do they stand?",
        "How far is it from the red cube to the blue ball?",
        "distance from the red cube to the blue ball",
        "Approximately how far is it between the red cube and the blue ball, in centimetres?",
    ],
)
def test_a_distance_between_surfaces_is_asked_for(question: str) -> None:
    assert meant(question) == {"kind": "distance", "things": BOTH}


@pytest.mark.parametrize(
    "question",
    [
        "what is the distance between the red cube and the blue ball (centre to centre)?",
        "What is the distance between the centers of the red cube and the blue ball?",
        "How far is the centre of the red cube from the centre of the blue ball?",
        "What distance is there between the middle of the red cube and the middle of the blue ball?",
    ],
)
def test_a_distance_between_centres_is_asked_for(question: str) -> None:
    assert meant(question) == {"kind": "distance", "things": BOTH, "centres": True}


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("How far apart are the two red blocks?", {"things": ("red block", "red block")}),
        ("How far is the mug from view 2?", {"things": ("mug",), "viewpoint": FROM_2}),
        ("how far away is the mug, seen from view 3?", {"things": ("mug",), "viewpoint": FROM_3}),
        ("How far is the red mug from the blue one?", {"things": ("red mug", "blue mug")}),
        ("How far is the mug from view 2's camera?", {"things": ("mug",), "viewpoint": FROM_2}),
        ("How far is the mug from the camera?", {"things": ("mug",)}),
        ("From the window, how far is the mug?", {"things": ("mug", "window")}),
        ("How far is the bed from the painting?", {"things": ("bed", "painting")}),
        ("How far is the shed standing from the building?", {"things": ("shed", "building")}),
        ("How far is the black and white dog from the ball?", {"things": ("black and white dog", "ball")}),
        (
            "How far is the cup on the desk from the chair near the door?",
            {"things": ("cup on the desk", "chair near the door")},
        ),
    ],
)
def test_what_a_distance_is_between(question: str, read: dict[str, Any]) -> None:
    assert meant(question) == {"kind": "distance", **read}


@pytest.mark.parametrize(
    ("question", "dimension"),
    [
        ("How tall is the red pillar?", "height"),
        ("How high is the red pillar?", "height"),
        ("What is the height of the red pillar?", "height"),
        ("How tall would you say the red pillar is?", "height"),
        ("What height does the red pillar have?", "height"),
        ("How wide is the red pillar?", "width"),
        ("Tell me the width of the red pillar.", "width"),
        ("How long is the red pillar?", "length"),
        ("how deep is the red pillar", "depth"),
        ("How big is the red pillar?", None),
        ("What are the dimensions of the red pillar?", None),
        ("what size is the red pillar", None),
    ],
)
def test_sizes(question: str, dimension: str | None) -> None:
    stated = {"dimension": dimension} if dimension else {}
    assert meant(question) == {"kind": "size", "things": ("red pillar",), **stated}


@pytest.mark.parametrize(
    "question",
    [
        "How high above the floor is the lamp?",
        "how high up is the lamp?",
        "How high is the lamp mounted?",
        "At what height is the lamp?",
        "How far off the ground is the lamp?",
        "How far is the lamp from the floor?",
        "what is the height of the lamp above the floor?",
        "At what height above the floor hangs the lamp?",
    ],
)
def test_heights_above_the_floor(question: str) -> None:
    assert meant(question) == {"kind": "height", "things": ("lamp",)}


# ---------------------------------------------------------------- counts and places


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("How many green blocks are there in all?", {"things": ("green block",)}),
        ("how many chairs are in this room", {"things": ("chair",)}),
        ("How many different chairs can you see in the room?", {"things": ("chair",)}),
        ("Count the chairs.", {"things": ("chair",)}),
        ("What number of chairs do you find here?", {"things": ("chair",)}),
        ("Counting every view, how many chairs exist?", {"things": ("chair",)}),
        ("How many chairs does this place hold?", {"things": ("chair",)}),
        ("How many people are there?", {"things": ("person",)}),
        ("how many objects do you see?", {"things": ("object",)}),
        ("How many red things are there altogether?", {"things": ("red thing",)}),
        ("How many chairs are in view 2?", {"things": ("chair",), "viewpoint": FROM_2}),
        ("How many plants are in the living room?", {"things": ("plant",)}),
        ("Is there a red ball?", {"things": ("red ball",), "polar": True}),
        ("Are there any chairs in this room?", {"things": ("chair",), "polar": True}),
        ("Can you see a mug?", {"things": ("mug",), "polar": True}),
    ],
)
def test_counts(question: str, read: dict[str, Any]) -> None:
    assert meant(question) == {"kind": "count", **read}


@pytest.mark.parametrize(
    "question",
    [
        "where did I last see the mug?",
        "When did I last see the mug?",
        "In which view was the mug last seen?",
        "where was the mug last seen",
        "Which view last shows the mug?",
        "Which view was the last one to show the mug?",
        "When did you see the mug for the last time?",
        "When was the last time you saw the mug?",
        "where have you seen the mug last?",
        "Where did I leave my mug?",
    ],
)
def test_what_was_seen_last(question: str) -> None:
    assert meant(question) == {"kind": "seen", "things": ("mug",)}


@pytest.mark.parametrize(
    "question",
    [
        "where is the mug?",
        "Where are the mugs?",
        "Do you know where the mug is?",
        "locate the mug",
        "What is the location of the mug?",
        "Which views show the mug?",
    ],
)
def test_where_something_is(question: str) -> None:
    assert meant(question) == {"kind": "where", "things": ("mug",)}


# ---------------------------------------------------------------- what is not measured


@pytest.mark.parametrize(
    "question",
    [
        "what room is this?",
        "what would I do next?",
        "Describe the room.",
        "What colour is the sofa?",
        "Is the sofa red?",
        "How many chairs are left of the table?",
        "How many mugs are on the table?",
        "How far is it?",
        "Where am I?",
        "What is behind it?",
        "Would the sofa fit between the door and the window?",
        "How many days until Christmas?",
        "",
    ],
)
def test_anything_else_is_looked_at(question: str) -> None:
    assert meant(question)["kind"] == "open"


# ---------------------------------------------------------------- any words at all


def test_the_sentences_of_the_bench_are_understood() -> None:
    slots = {"a": "red cube", "b": "blue ball", "c": "lamp", "xs": "red cubes", "k": "3"}
    for kind, sentences in WORDINGS.items():
        for sentence in sentences:
            for side, depth in (("left", "behind"), ("right", "in front of")):
                read = parse(sentence.format(**slots, side=side, depth=depth), NAMES)
                assert read.kind != "open", (kind, sentence)
                assert set(read.named) <= {"red cube", "blue ball", "lamp"}, sentence
                assert read.viewpoint == FROM_3 or "{k}" not in sentence, sentence


WORDS = re.findall(
    r"\S+",
    "how far is the red cube from blue ball and a an what which where when did I last see behind left of "
    "right in front view 3 2. seen as standing at facing on my or nearer to than nearest many are there all "
    "tall wide high above floor ? , : . between distance centre two both it me is does lie",
)
sentences = st.lists(st.sampled_from(WORDS), max_size=16).map(" ".join)


@given(question=st.one_of(st.text(max_size=60), sentences))
@example(question="how far apart are and ?")
@example(question="from, from ,")
@example(question="İ view ²?")
def test_no_text_is_too_odd(question: str) -> None:
    try:
        read = parse(question, NAMES)
    except SceneError as error:
        assert "the scene has 8 views" in str(error)
        return
    assert read.text == question
    assert len(set(read.named)) == len(read.named)
    for name in read.named:
        assert name == " ".join(name.split())
        assert not re.match(r"(?:the|an?) ", name) or read.kind == "open"


colours = st.sampled_from(["red", "blue", "black and white", "dark green", "small orange"])
nouns = st.sampled_from(["chair", "box", "mug", "table lamp", "bus", "bed", "painting"])
things = st.tuples(colours, nouns).map(" ".join)


@given(one=things, other=things, number=st.integers(1, 8))
def test_names_are_kept_whole(one: str, other: str, number: int) -> None:
    view = Viewpoint(view=f"view{number}.png")
    assert meant(f"How far is the {one} from the {other}?")["things"] == (one, other)
    assert meant(f"What is the gap between the {one} and the {other}?")["things"] == (one, other)
    assert meant(f"How tall is a {one}?")["things"] == (one,)
    for side in ("left", "right"):
        read = meant(f"Is the {one} to the {side} of my {other}, seen from view {number}?")
        assert (read["things"], read["relation"], read["viewpoint"]) == ((one, other), side, view)


@given(question=st.sampled_from([s for many in WORDINGS.values() for s in many]))
def test_case_and_spacing_do_not_count(question: str) -> None:
    slots = {"a": "red cube", "b": "blue ball", "c": "lamp", "xs": "red cubes", "k": "3"}
    text = question.format(**slots, side="left", depth="behind")
    read, other = parse(text, NAMES), parse("  ".join(text.upper().split(" ")) + " ", NAMES)
    assert (read.kind, read.things, read.viewpoint) == (other.kind, other.things, other.viewpoint)
