"""Questions about videos, as people word them: what is looked for, what answer is wanted, what is split."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sightloop.tools import video_questions as asked
from sightloop.tools.video_questions import named, of_stills, plain, query, split, things, written

# ---------------------------------------------------------------- what kind of answer


@pytest.mark.parametrize(
    "question",
    [
        "When does the blue square appear?",
        "when does the blue square appear in the video",
        "At what time does the man leave the room?",
        "In which second do the two vans arrive?",
        "Tell me when the yellow ring leaves.",
        "Please tell me: when is the dog first visible?",
        "Do you know when the van leaves?",
        "Can you tell me at which moment the dog comes in?",
        "In which frame is the dog?",
    ],
)
def test_a_time_is_asked_for(question: str) -> None:
    assert asked.kind(question) == "when"


@pytest.mark.parametrize(
    "question",
    [
        "Which way does the ball move?",
        "Where does the red ball go?",
        "Where do the red balls go in this clip?",
        "In which direction does the green star move?",
        "What direction is the cyclist heading?",
        "Tell me which way the black triangle moves",
    ],
)
def test_a_direction_is_asked_for(question: str) -> None:
    assert asked.kind(question) == "motion"


@pytest.mark.parametrize(
    "question",
    [
        "Is there a dog?",
        "Are there any red rings in the film?",
        "Are there cats?",
        "Was there ever a van?",
        "Does the video show a bridge?",
        "Does a red van ever appear?",
        "Can you see a dog?",
        "Can a dog be seen in the clip?",
        "Do you see a cat anywhere?",
        "Did a bus appear?",
    ],
)
def test_whether_something_is_there_is_asked(question: str) -> None:
    assert asked.kind(question) == "there"


@pytest.mark.parametrize(
    "question",
    [
        "In which clip is there a word on a sign?",
        "Which video shows a red van?",
        "What film does the dog appear in?",
        "Which of the videos has a dog?",
        "In which of these videos is there a star?",
        "On which of my recordings is there a fox?",
    ],
)
def test_a_video_is_asked_for(question: str) -> None:
    assert asked.kind(question) == "source"


@pytest.mark.parametrize(
    "question",
    [
        "How many people are there?",
        "What does the sign say?",
        "What color is the star in the video?",
        "What happens after the man leaves?",
        "Describe the video.",
        "What is in the video?",
        "red van",
        "a man with a hat",
        "What is the man in the video doing?",
        "Is the red ring left of the blue square?",
    ],
)
def test_anything_else_is_looked_at(question: str) -> None:
    assert asked.kind(question) == "look"


# ---------------------------------------------------------------- beginnings and ends


@pytest.mark.parametrize(
    "question",
    [
        "When does the ring appear?",
        "When does the dog come in?",
        "When is the dog first visible?",
        "When do you see the star?",
        "When does the last van arrive?",
        "When does the van left of the tree arrive?",
        "When does the dog arrive, after the man leaves?",
        "At what time does the film start?",
    ],
)
def test_a_beginning_is_meant(question: str) -> None:
    assert asked.appears(question)


@pytest.mark.parametrize(
    "question",
    [
        "When does the ring disappear?",
        "When do the rings vanish?",
        "At what time does the man leave the room?",
        "When does the van drive away?",
        "When is the ring gone?",
        "When was the dog last seen?",
        "When had the man left?",
        "Tell me when the dog goes away before the man comes.",
    ],
)
def test_an_end_is_meant(question: str) -> None:
    assert not asked.appears(question)


# ---------------------------------------------------------------- what has to be seen


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("When does the blue square appear?", ["blue square"]),
        ("When do the two red vans arrive?", ["red vans"]),
        ("When does the first van arrive?", ["van"]),
        ("When do the other 12 men leave?", ["men"]),
        ("Is there any text on the wall?", ["text", "wall"]),
        ("Are there any red objects?", ["red objects"]),
        ("Are there cats in the video?", ["cats"]),
        ("Do you see cats?", ["cats"]),
        ("Does the video show cats?", ["cats"]),
        ("Does the video show a bridge?", ["bridge"]),
        ("Can a dog be seen in the clip?", ["dog"]),
        ("Does the man wear a hat?", ["man", "hat"]),
        ("When does a person walk in?", ["person"]),
        ("When does the van stop at the stop sign?", ["van", "stop sign"]),
        ("When does the walk begin?", ["walk"]),
        ("How many people get off?", ["people"]),
        ("How many red balls are in the video?", ["red balls"]),
        ("When does the man cross the road?", ["man", "road"]),
        ("When does the red cross appear?", ["red cross"]),
        ("Are there any red crosses?", ["red crosses"]),
        ("When is the red ring gone?", ["red ring"]),
        ("When does the black and white dog appear?", ["black and white dog"]),
        ("What is the man in the black and white shirt doing?", ["man", "black and white shirt"]),
        ("Is there a cat and a dog?", ["cat", "dog"]),
        ("a man with a hat and a dog", ["man", "hat", "dog"]),
        ("Is the red ring left of the blue square?", ["red ring", "blue square"]),
        ("Which video shows a red van?", ["red van"]),
        ("In which of these videos is there a star?", ["star"]),
        ("What color is the star?", ["star"]),
        ("What does the sign say?", ["sign"]),
        ("red van", ["red van"]),
        ("find a dog", ["dog"]),
        ("Please show me red vans.", ["red vans"]),
        ("search for cyclists", ["cyclists"]),
        ("the red ring and the red ring", ["red ring"]),
        ("When does it appear?", []),
        ("Where does she go?", []),
        ("Describe the video.", []),
        ("what is on it", []),
        ("summarise this", []),
        ("At what time of the video is it dark?", []),
        ("", []),
        (" ?! ", []),
    ],
)
def test_things_are_named_without_articles_counts_and_verbs(question: str, found: list[str]) -> None:
    assert list(things(question)) == found


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("ring", "a ring"),
        ("red rings", "a red ring"),
        ("orange stars", "an orange star"),
        ("boxes", "a box"),
        ("crosses", "a cross"),
        ("glass", "a glass"),
        ("dishes", "a dish"),
        ("bus", "a bus"),
        ("buses", "a bus"),
        ("berries", "a berry"),
        ("ties", "a tie"),
        ("people", "a person"),
        ("young women", "a young woman"),
        ("children", "a child"),
        ("red objects", "a red thing"),
        ("objects", "an object"),
        ("s", "a s"),
    ],
)
def test_one_of_several_is_looked_for(name: str, one: str) -> None:
    assert named(name) == one


def test_what_is_searched_for() -> None:
    assert query("When do the red rings appear?") == "a red ring"
    assert query("a red circle next to a star") == "a red circle and a star"
    assert query("Is it raining in the video?") == "is it raining"
    assert query("What does a man do before the dog comes?") == "a man and a dog"


@pytest.mark.parametrize("name", ["sign", "red signs", "word", "letters", "phone number", "text"])
def test_words_are_read(name: str) -> None:
    assert written(name)
    assert not written(f"{name} post")


# ---------------------------------------------------------------- without "in the video"


@pytest.mark.parametrize(
    ("question", "still"),
    [
        ("What color is the star in the video?", "What color is the star?"),
        ("Is there ever a dog in this whole film?", "Is there a dog?"),
        ("Do you see a cat anywhere?", "Do you see a cat?"),
        ("What does the sign say, in the clip?", "What does the sign say?"),
        ("Is the dog on the couch?", "Is the dog on the couch?"),
        ("Is there a video camera?", "Is there a video camera?"),
    ],
)
def test_stills_are_not_asked_about_the_video(question: str, still: str) -> None:
    assert of_stills(question) == still


# ---------------------------------------------------------------- several questions at once


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "When does the blue square appear, and where does it go?",
            ["When does the blue square appear?", "where does the blue square go?"],
        ),
        (
            "When do the dogs arrive and where do they go?",
            ["When do the dogs arrive?", "where do the dogs go?"],
        ),
        (
            "What color is the car and is it large?",
            ["What color is the car?", "is the car large?"],
        ),
        (
            "When does the red ring come up and when does it leave and which way does it move?",
            [
                "When does the red ring come up?",
                "when does the red ring leave?",
                "which way does the red ring move?",
            ],
        ),
        (
            "When does the train arrive and how many people get off?",
            ["When does the train arrive?", "how many people get off?"],
        ),
        (
            "What happens first, and is there a dog in the room.",
            ["What happens first?", "is there a dog in the room."],
        ),
        ("When does it appear and where does it go?", ["When does it appear?", "where does it go?"]),
    ],
)
def test_several_questions_are_parted(question: str, parts: list[str]) -> None:
    assert list(split(question)) == parts


@pytest.mark.parametrize(
    "question",
    [
        "When does the black and white dog appear?",
        "Is there a cat and a dog?",
        "What is the man and the woman doing?",
        "When and where does the red ring appear?",
        "How and why does it fall?",
        "Is there a man who walks and does tricks?",
        "When do you see a red ring and a blue ring and a star?",
        "Does the band play rock and roll?",
        "salt and pepper",
        "a man and a woman",
        "",
    ],
)
def test_one_question_is_left_whole(question: str) -> None:
    assert split(question) == (question,)


# ---------------------------------------------------------------- any text at all

WORDS = re.findall(
    r"\S+",
    "the a an any some no how many are there is when where which what does do can you see show video clip in "
    "of and or it they s ses ies xes red ring rings people black white sign appear appears leave gone first "
    "last two 12 of? ? . , : left to that these tell me please find - ' ä 漢 İ",
)
sentences = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
texts = st.one_of(st.text(max_size=60), sentences)


@given(question=texts)
@example(question="s")
@example(question="a s")
@example(question="are there ")
@example(question="find")
@example(question="the\u2003first\u2028İ")
def test_no_text_is_too_odd(question: str) -> None:
    parts = split(question)
    assert parts
    assert parts == (question,) or all(part.strip() for part in parts)
    for text in {question, *parts}:
        assert asked.kind(text) in ("when", "motion", "there", "source", "look")
        assert asked.appears(text) in (True, False)
        found = things(text)
        assert len(set(found)) == len(found)
        assert all(name == " ".join(name.split()) and name for name in found)
        for name in found:
            assert re.match(r"an? \S", named(name))
            assert written(name) in (True, False)
        assert bool(query(text)) == bool(found or plain(text))
        assert of_stills(text) == " ".join(of_stills(text).split())


@given(question=sentences)
def test_case_and_spacing_do_not_count(question: str) -> None:
    other = "  ".join(question.upper().split(" ")) + " "
    assert asked.kind(other) == asked.kind(question)
    assert asked.appears(other) == asked.appears(question)
    assert things(other) == things(question)


colours = st.sampled_from(["red", "blue", "orange", "black and white", "dark green"])
nouns = st.sampled_from(["ring", "dog", "bus", "woman", "cross", "traffic light", "stop sign"])
moves = st.sampled_from(["appear", "leave", "arrive", "go away", "walk in", "stop", "turn left"])


@given(colour=colours, noun=nouns, move=moves, scope=st.sampled_from(["", " in the video", " in this clip"]))
def test_a_thing_is_found_whatever_it_does(colour: str, noun: str, move: str, scope: str) -> None:
    name = f"{colour} {noun}"
    for question in (
        f"When does the {name} {move}{scope}?",
        f"At what time does a {name} {move}{scope}",
        f"Is there a {name}{scope}?",
        f"Does the {name} {move}{scope}?",
        f"In which clip does the {name} {move}?",
        f"Can you see any {name}{scope}?",
        f"find the {name}{scope}",
    ):
        assert things(question) == (name,)
        assert query(question) == named(name)
        assert split(question) == (question,)


@given(first=st.tuples(colours, nouns), second=st.tuples(colours, nouns))
def test_each_of_two_questions_is_complete(first: tuple[str, str], second: tuple[str, str]) -> None:
    one, other = " ".join(first), " ".join(second)
    pair = split(f"When does the {one} appear, and which way does the {other} move?")
    assert pair == (f"When does the {one} appear?", f"which way does the {other} move?")
    assert [asked.kind(part) for part in pair] == ["when", "motion"]
    assert [things(part) for part in pair] == [(one,), (other,)]
