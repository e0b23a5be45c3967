"""Errors say what was wrong, with which input, and what to do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop import errors
from sightloop.errors import ApprovalNeeded, InputError, MissingExtraError, SightloopError, nearest

SPEAKING = (MissingExtraError, ApprovalNeeded)  # whose messages are their own
TYPED = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, SightloopError) and found not in SPEAKING
]


@pytest.mark.parametrize("kind", TYPED)
def test_every_error_is_caught_as_one_family_and_prints_its_contract(kind: type[SightloopError]) -> None:
    error = kind("a.png is empty.", input="a.png")
    assert isinstance(error, SightloopError)
    assert str(error) == error.message == "a.png is empty."
    assert error.exit_code == 2
    assert json.loads(json.dumps(error.to_json())) == {
        "error": {"type": kind.__name__, "message": "a.png is empty.", "input": "a.png"}
    }
    assert kind("no input").input is None


def test_a_missing_extra_names_the_line_that_installs_it() -> None:
    error = MissingExtraError("bitsandbytes", "quantization", "loading in 4 bit")
    assert error.message == (
        "loading in 4 bit needs bitsandbytes, which is not installed. "
        'Run: pip install "sightloop[quantization]"'
    )


def test_who_waits_for_approval_is_told_how_to_go_on() -> None:
    error = ApprovalNeeded("talk", "look")
    assert (error.thread, error.tool, error.input) == ("talk", "look", "talk")
    assert "agent.resume('talk', 'approve')" in error.message


def test_an_unknown_checkpoint_is_bad_input() -> None:
    assert issubclass(errors.UnknownCheckpointError, InputError)


@given(
    st.lists(st.text("abcdefgh.-", min_size=3, max_size=12), min_size=1, unique_by=str.casefold), st.data()
)
def test_a_known_name_in_other_letters_is_suggested_first(known: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(known))
    assert nearest(name.upper(), known).startswith(f" Did you mean {name}")


def test_nothing_is_suggested_for_a_name_like_none() -> None:
    assert nearest("zzzz", ["photo.png", "a.jpg"]) == ""
