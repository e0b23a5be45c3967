"""Brains that write calls as text: with a scripted chat model, and with tiny models of random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from PIL import Image

from sightloop import LlavaNext
from sightloop.agent import Limits, Result, VisualAgent
from sightloop.agent.messages import NOW
from sightloop.agent.scene_tools import SCENE_TOOLS
from sightloop.agent.steps import CallStep, ObservationStep
from sightloop.agent.text_brain import ANSWER, TextBrain, call_schema, parse
from sightloop.agent.toolbox import TOOLS as ALL
from sightloop.agent.video_tools import VIDEO_TOOLS
from sightloop.errors import BrainError
from sightloop.memory import Still
from sightloop.tools.llava_next import Said
from sightloop.tools.llava_next.checkpoints import find

from .scripted import ScriptedEyes
from .scripted_chat import ScriptedChat, scripted_chat
from .tiny import build

# there is nothing to search, nor to measure in
TOOLS = {name: tool for name, tool in ALL.items() if tool not in (*VIDEO_TOOLS, *SCENE_TOOLS)}


def scripted() -> ScriptedEyes:
    return ScriptedEyes(
        lambda prompt: ("red", 0.9), lambda prompt, options: [0.9, *(0.1 for _ in options[1:])]
    )


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = []
    for name, color in (("a", (200, 30, 30)), ("b", (30, 30, 200))):
        found.append(tmp_path / f"{name}.png")
        Image.new("RGB", (160, 120), color).save(found[-1])
    return found


def call(tool: str, **arguments: Any) -> str:
    return json.dumps({"tool": tool, "arguments": arguments})


def ask(model: ScriptedChat, files: list[Path], **limits: Any) -> Result:
    agent = VisualAgent(scripted(), brain=TextBrain(model), limits=Limits(**limits))
    return agent.run("Which is larger?", files)


def tools(result: Result) -> list[str]:
    return [step.tool for step in result.steps if isinstance(step, ObservationStep)]


# ---------------------------------------------------------------- a chat model


def test_calls_in_text_are_made_and_what_they_show_comes_in_a_turn_of_the_users(files: list[Path]) -> None:
    crop = call("crop", image="image 1", box=[0, 0, 80, 60])
    model = scripted_chat(crop, call(ANSWER, text="image 1"))
    result = ask(model, files)
    assert (result.answer, tools(result)) == ("image 1", ["crop"])
    *_, said, told, shown = model.told[1]
    assert isinstance(said, AIMessage)
    assert json.loads(said.text) == json.loads(crop)
    assert isinstance(told, HumanMessage)
    assert "Result of crop" in told.text
    assert [block["id"] for block in shown.content_blocks if block["type"] == "image"] == ["image 3"]


def test_every_tool_is_described(files: list[Path]) -> None:
    model = scripted_chat(call(ANSWER, text="image 1"))
    ask(model, files)
    for name in [*TOOLS, ANSWER]:
        assert f"{name}: " in model.told[0][0].text


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("I would look closer.", "no JSON"),
        ('{"tool": "look", "arguments": ', "not JSON"),
        (call("enhance"), "no tool 'enhance'"),
        (call("crop", image="image 1"), "box"),
        ('{"tool": "look", "arguments": 3}', "not an object"),
        (call(ANSWER), "text"),
    ],
)
def test_what_is_no_call_is_shown_to_the_model_once_and_mended(
    files: list[Path], bad: str, words: str
) -> None:
    model = scripted_chat(bad, call(ANSWER, text="image 1"))
    result = ask(model, files)
    *_, own, repair = model.told[1]
    assert own.text == bad
    assert words in repair.text
    assert result.answer == "image 1"


def test_after_one_repair_the_best_answer_so_far_stands(files: list[Path]) -> None:
    model = scripted_chat(call("look", question="Which is larger?"), "mumble")
    result = ask(model, files)
    assert len(model.told) == 3
    assert result.answer == "red"
    assert any("no tool call twice" in note for note in result.notes)


def test_a_model_that_never_calls_still_ends_with_a_look(files: list[Path]) -> None:
    result = ask(scripted_chat("mumble"), files)
    assert (result.answer, tools(result)) == ("red", ["look"])


def test_the_last_step_answers(files: list[Path]) -> None:
    def reply(messages: Any) -> AIMessage:
        last = messages[-1].text
        return AIMessage(
            call(ANSWER, text="image 2") if last == NOW else call("look", question="What is it?")
        )

    result = ask(scripted_chat(reply), files, steps=2)
    assert (result.answer, result.stopped_because) == ("image 2", "limit:steps")


@given(st.text(max_size=200))
def test_any_text_is_a_call_or_what_is_wrong_with_it(text: str) -> None:
    found, error = parse(text, TOOLS)
    assert (found is None) == bool(error)


@given(tool=st.sampled_from(["look", "compare", "show"]), before=st.text("ab\n` ", max_size=20))
def test_a_call_is_found_behind_other_words_and_in_fences(tool: str, before: str) -> None:
    found, error = parse(f"{before}```json\n{call(tool)}\n```", TOOLS)
    assert (found, error) == ((tool, {}), "")


# ---------------------------------------------------------------- the eyes themselves


@pytest.mark.parametrize("family", ["vicuna", "interleave", "onevision", "video"])
def test_random_weights_write_only_calls_of_tools_that_exist(
    family: str, tmp_path_factory: pytest.TempPathFactory, files: list[Path]
) -> None:
    eyes = LlavaNext(build(family, tmp_path_factory.mktemp(family)))
    # A byte is a token of theirs: a longer talk would not fit the window.
    agent = VisualAgent(eyes, brain=TextBrain(budget=3), limits=Limits(steps=2))
    result = agent.run("what is it ?", files)
    calls = [one for step in result.steps if isinstance(step, CallStep) for one in step.calls]
    assert not any("no tool call" in note for note in result.notes)
    assert all(one.tool in TOOLS for one in calls)
    assert all(TOOLS[one.tool].arguments.model_validate(one.arguments) for one in calls)
    assert result.steps[-1].kind == "answer"
    assert result.usage.new_tokens > 0


def test_the_eyes_are_shown_stills_and_their_own_calls(files: list[Path]) -> None:
    prompts: list[list[Any]] = []
    replies = iter([call("zoom", image="image 2", x=80, y=60, factor=2), call(ANSWER, text="image 2")])

    class Writing(ScriptedEyes):
        writes_json = True

        def answers(self, asked, *, schema=None, **more):  # type: ignore[no-untyped-def]
            if schema is None:
                return super().answers(asked, **more)
            prompts.extend(asked)
            expected = call_schema(TOOLS, [f"image {i + 1}" for i in range(len(schemas_seen) + 2)])
            assert schema == expected
            schemas_seen.append(schema)
            (answer,) = super().answers(asked, **more)
            return [answer.model_copy(update={"text": next(replies)})]

    schemas_seen: list[Any] = []
    eyes = Writing(
        lambda prompt: ("red", 0.9),
        lambda prompt, options: [0.9, *(0.1 for _ in options[1:])],
        find("llava-hf/llava-interleave-qwen-7b-hf"),  # whose window holds the chat
    )
    result = VisualAgent(eyes, brain=TextBrain()).run("Which is larger?", files)
    assert result.answer == "image 2"
    first, second = prompts
    assert sum(isinstance(part, Still) for part in first) == 2
    (said,) = [part for part in second if isinstance(part, Said)]
    assert json.loads(said.text)["tool"] == "zoom"
    after = second[second.index(said) :]
    assert [part.size for part in after if isinstance(part, Still)] == [(80, 60)]


def test_eyes_that_cannot_write_calls_say_so(files: list[Path]) -> None:
    with pytest.raises(BrainError, match="Playbook"):
        VisualAgent(LlavaNext(), brain=TextBrain()).run("What is it?", files)
