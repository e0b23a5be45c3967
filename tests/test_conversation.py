"""Conversations: turns with memory, restarts, a person's approval, cancellation, and asyncio."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from PIL import Image, ImageDraw

from sightloop import LlavaNext
from sightloop.agent import Decision, Limits, Pending, Result, VisualAgent
from sightloop.agent.run import Turn
from sightloop.agent.steps import ObservationStep
from sightloop.errors import ApprovalNeeded, EvidenceError, InputError
from sightloop.memory import Still
from sightloop.tools.llava_next import Prompt

from .scripted import ScriptedEyes
from .tiny import build


def scripted() -> ScriptedEyes:
    """Eyes that answer with the question they were asked, so that a test sees what reached them."""
    return ScriptedEyes(
        lambda prompt: (" ".join(part for part in prompt if isinstance(part, str)), 0.9),
        lambda prompt, options: [0.9, *(0.1 for _ in options[1:])],
    )


def photo(path: Path, color: tuple[int, int, int] = (200, 30, 30)) -> Path:
    Image.new("RGB", (160, 120), color).save(path)
    return path


def seen(eyes: ScriptedEyes) -> list[str]:
    """The hashes of the stills of the last prompt."""
    return [(part.whole or part).sha256 for part in eyes.asked[-1] if isinstance(part, Still)]


# ---------------------------------------------------------------- turns


def test_a_follow_up_is_about_the_same_pictures_and_complete(tmp_path: Path) -> None:
    eyes = scripted()
    agent = VisualAgent(eyes)
    file = photo(tmp_path / "a.png")
    agent.run("What color is the right circle?", file, thread="one")
    before = seen(eyes)
    result = agent.run("and the left one?", thread="one")
    assert result.question == "What color is the left circle?"
    assert seen(eyes) == before
    assert any("understood as" in note for note in result.notes)


def test_every_turn_has_limits_and_costs_of_its_own(tmp_path: Path) -> None:
    file = photo(tmp_path / "a.png")
    once = VisualAgent(scripted()).run("What color is it?", file)
    agent = VisualAgent(scripted(), limits=Limits(visual_tokens=once.usage.visual_tokens))
    for turn in range(3):
        result = agent.run("What color is it?", file if turn == 0 else (), thread="one")
        assert result.stopped_because == "answered"
        assert result.usage.visual_tokens == once.usage.visual_tokens
        assert result.steps[0].started == 0


def test_conversations_do_not_mix(tmp_path: Path) -> None:
    eyes = scripted()
    agent = VisualAgent(eyes)
    one, two = photo(tmp_path / "a.png"), photo(tmp_path / "b.png", (0, 0, 200))
    agent.run("What color is it?", one, thread="one")
    shown = seen(eyes)
    agent.run("What shape is it?", two, thread="two")
    agent.run("Is it large?", thread="one")
    assert seen(eyes) == shown


def test_new_pictures_in_a_conversation_take_the_place_of_the_old(tmp_path: Path) -> None:
    eyes = scripted()
    agent = VisualAgent(eyes)
    agent.run("What color is it?", photo(tmp_path / "a.png"), thread="one")
    result = agent.run("Is it large?", photo(tmp_path / "b.png", (0, 0, 200)), thread="one")
    assert [item.still.origin.source for item in result.evidence] == [str(tmp_path / "b.png")]


def test_a_first_question_needs_pictures() -> None:
    for thread in (None, "new"):
        with pytest.raises(InputError, match="no picture"):
            VisualAgent(scripted()).run("What is it?", thread=thread)


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_conversation_survives_a_restart(tmp_path: Path, in_memory: bool) -> None:
    file, database = photo(tmp_path / "a.png"), tmp_path / "talks.sqlite"
    picture = np.asarray(Image.open(file)) if in_memory else file
    with SqliteSaver.from_conn_string(str(database)) as saver:
        VisualAgent(scripted(), checkpointer=saver).run(
            "What color is the right circle?", picture, thread="t"
        )
    with SqliteSaver.from_conn_string(str(database)) as saver:
        eyes = scripted()
        result = VisualAgent(eyes, checkpointer=saver).run("and the left one?", thread="t")
    assert result.question == "What color is the left circle?"
    assert seen(eyes) == [Still.from_array(Image.open(file)).sha256]


def test_a_picture_that_changed_between_turns_is_noticed(tmp_path: Path) -> None:
    file, saver = photo(tmp_path / "a.png"), InMemorySaver()
    VisualAgent(scripted(), checkpointer=saver).run("What color is it?", file, thread="t")
    photo(file, (0, 200, 0))
    with pytest.raises(EvidenceError, match="other pixels"):
        VisualAgent(scripted(), checkpointer=saver).run("Is it large?", thread="t")


KILLED = """
import os, sys
from langgraph.checkpoint.sqlite import SqliteSaver
from sightloop.agent import VisualAgent
from sightloop.agent.steps import ObservationStep
with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    agent = VisualAgent(checkpointer=saver)
    for step in agent.stream("What color is the circle?", sys.argv[2], thread="t"):
        if step.kind == "verify":
            os._exit(9)  # as a kill would end it: the look is kept, the check of it is not
"""


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path, picture: Path) -> None:
    database = tmp_path / "talks.sqlite"
    done = subprocess.run([sys.executable, "-c", KILLED, database, picture], check=False)
    assert done.returncode == 9
    with sqlite3.connect(database) as connection:
        assert connection.execute("select count(*) from checkpoints").fetchone()[0] > 2
    with SqliteSaver.from_conn_string(str(database)) as saver:
        steps = list(VisualAgent(checkpointer=saver).stream_resumed("t"))
    *after, result = steps
    assert isinstance(result, Result)
    # The check may have been kept already, or not yet; what was kept before it is not done again.
    assert [step.kind for step in after] in (["answer"], ["verify", "answer"])
    assert [step.kind for step in result.steps] == ["plan", "call", "observation", "verify", "answer"]
    assert result.answer == "red"


# ---------------------------------------------------------------- composed


def test_the_graph_is_a_node_of_another_graph(tmp_path: Path) -> None:
    file = photo(tmp_path / "a.png")
    outer = StateGraph(Turn)
    outer.add_node("see", VisualAgent(scripted()).graph)
    outer.add_edge(START, "see")
    outer.add_edge("see", END)
    values = outer.compile(checkpointer=InMemorySaver()).invoke(
        {"question": "What is it?", "inputs": [str(file)]}, {"configurable": {"thread_id": "t"}}
    )
    result = Result.model_validate(values["result"])
    assert "What is it?" in result.answer
    assert [step.kind for step in result.steps] == ["plan", "call", "observation", "verify", "answer"]
    assert result.usage.visual_tokens == sum(step.usage.visual_tokens for step in result.steps) > 0


# ---------------------------------------------------------------- approval


def test_a_call_waits_for_a_person(tmp_path: Path) -> None:
    eyes = scripted()
    agent = VisualAgent(eyes, approve={"look"})
    *steps, pending = agent.stream("What is it?", photo(tmp_path / "a.png"))
    assert isinstance(pending, Pending)
    assert (pending.call.tool, eyes.asked) == ("look", [])
    result = agent.resume(pending.thread, "approve")
    kinds = [step.kind for step in result.steps]
    assert kinds == ["plan", "call", "observation", "verify", "answer"]
    assert tuple(steps) == result.steps[:2]


def test_run_says_who_is_waited_for(tmp_path: Path) -> None:
    agent = VisualAgent(scripted(), approve=True)
    with pytest.raises(ApprovalNeeded, match="resume") as waiting:
        agent.run("What is it?", photo(tmp_path / "a.png"))
    assert agent.resume(waiting.value.thread).answer


@pytest.mark.parametrize(
    "decision",
    [
        {"type": "edit", "edited_action": {"name": "look", "args": {"question": "How large is it?"}}},
        {"decisions": [{"type": "edit", "edited_action": {"args": {"question": "How large is it?"}}}]},
        Decision(type="edit", edited_action={"args": {"question": "How large is it?"}}),
    ],
)
def test_a_call_is_edited(tmp_path: Path, decision: object) -> None:
    eyes = scripted()
    agent = VisualAgent(eyes, approve={"look"}, limits=Limits(steps=1))
    *_, pending = agent.stream("What is it?", photo(tmp_path / "a.png"))
    result = agent.resume(pending.thread, decision)
    assert "How large is it?" in eyes.asked[0]
    assert result.answer == "How large is it?"


def test_a_call_is_refused(tmp_path: Path) -> None:
    eyes = scripted()
    agent = VisualAgent(eyes, approve={"look"}, limits=Limits(steps=2))
    *_, pending = agent.stream("What is it?", photo(tmp_path / "a.png"))
    with pytest.raises(ApprovalNeeded):  # the playbook knows nothing else and asks again
        agent.resume(pending.thread, {"type": "reject", "message": "too dear"})
    result = agent.resume(pending.thread, "approve")
    refused = next(step for step in result.steps if isinstance(step, ObservationStep))
    assert refused.failed
    assert "too dear" in refused.text


@pytest.mark.parametrize("decision", ["perhaps", {"type": "approve", "color": 3}, 7, {"decisions": []}])
def test_what_decides_nothing_is_refused(tmp_path: Path, decision: object) -> None:
    agent = VisualAgent(scripted(), approve={"look"})
    *_, pending = agent.stream("What is it?", photo(tmp_path / "a.png"))
    with pytest.raises(InputError, match="decides nothing"):
        agent.resume(pending.thread, decision)
    assert agent.resume(pending.thread, "approve").answer


def test_nothing_waits() -> None:
    with pytest.raises(InputError, match="nothing waits"):
        VisualAgent(scripted()).resume("nowhere")


def test_only_tools_that_exist_can_need_approval() -> None:
    with pytest.raises(InputError, match="look"):
        VisualAgent(scripted(), approve={"lok"})


# ---------------------------------------------------------------- cancellation


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> LlavaNext:
    """A model of random weights, which writes to its limit."""
    return LlavaNext(build("interleave", tmp_path_factory.mktemp("talks")))


def test_cancelling_stops_the_model_between_tokens(talkative: LlavaNext, tmp_path: Path) -> None:
    """The event is set by the model itself, at its third token: no clock decides."""
    file = photo(tmp_path / "a.png")
    longest = talkative.answer([Still.from_array(Image.open(file)), "what is it ?"]).usage.new_tokens

    class AtTheThird(threading.Event):
        asked = 0

        def is_set(self) -> bool:
            if sys._getframe(1).f_code.co_name == "is_set":  # of the loop's own, at each token
                self.asked += 1
            return self.asked > 3

    result = VisualAgent(talkative).run("what is it ?", file, cancel=AtTheThird())
    assert result.stopped_because == "cancelled"
    assert result.usage.new_tokens < longest
    assert [step.kind for step in result.steps] == ["plan", "call", "observation", "answer"]


def test_a_run_cancelled_before_it_looked_has_no_answer(tmp_path: Path) -> None:
    eyes, cancel = scripted(), threading.Event()
    cancel.set()
    result = VisualAgent(eyes).run("What is it?", photo(tmp_path / "a.png"), cancel=cancel)
    assert (result.answer, result.stopped_because, eyes.asked) == ("", "cancelled", [])


# ---------------------------------------------------------------- asyncio


def test_asynchronous_runs_are_the_same(tmp_path: Path) -> None:
    file = photo(tmp_path / "a.png")
    agent = VisualAgent(scripted())
    result = asyncio.run(agent.arun("What is it?", file))
    assert [step.kind for step in result.steps] == [
        step.kind for step in agent.run("What is it?", file).steps
    ]


def test_waiting_for_a_person_cancels_nothing(tmp_path: Path) -> None:
    cancel = threading.Event()
    agent = VisualAgent(scripted(), approve={"look"})
    with pytest.raises(ApprovalNeeded) as waiting:
        asyncio.run(agent.arun("What is it?", photo(tmp_path / "a.png"), cancel=cancel))
    assert not cancel.is_set()
    assert agent.resume(waiting.value.thread, cancel=cancel).stopped_because == "answered"


def test_many_runs_at_once_do_not_mix(tmp_path: Path) -> None:
    agent = VisualAgent(scripted())
    files = [photo(tmp_path / f"{i}.png", (i * 20, 0, 0)) for i in range(8)]

    async def all_of_them() -> list[Result]:
        return await asyncio.gather(*(agent.arun(f"What is {i}?", file) for i, file in enumerate(files)))

    for i, (result, file) in enumerate(zip(asyncio.run(all_of_them()), files, strict=True)):
        assert f"What is {i}?" in result.answer
        assert result.evidence[0].still.origin.source == str(file)


def test_cancelling_the_task_cancels_the_run(tmp_path: Path) -> None:
    looking, cancelled = threading.Event(), threading.Event()

    class Slow(ScriptedEyes):
        def answers(self, prompts, *, cancel=None, **more):  # type: ignore[no-untyped-def]
            looking.set()
            while not cancel.is_set():
                time.sleep(0.001)
            cancelled.set()
            return super().answers(prompts, cancel=cancel, **more)

    def say(prompt: Prompt) -> tuple[str, float]:
        return "red", 0.9

    async def give_up() -> None:
        agent = VisualAgent(Slow(say, lambda prompt, options: [1.0] * len(options)))
        task = asyncio.create_task(agent.arun("What is it?", photo(tmp_path / "a.png")))
        await asyncio.to_thread(looking.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    assert cancelled.wait(30)


# ---------------------------------------------------------------- the embedded model


def test_a_follow_up_about_the_other_side_is_answered_by_the_embedded_model(tmp_path: Path) -> None:
    image = Image.new("RGB", (384, 288), (242, 240, 236))
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 80, 120, 160), fill=(220, 30, 30))
    draw.ellipse((250, 120, 330, 200), fill=(30, 60, 220))
    image.save(tmp_path / "two.png")
    agent = VisualAgent()
    first = agent.run("What color is the right circle?", tmp_path / "two.png", thread="t")
    second = agent.run("and the left one?", thread="t")
    assert (first.answer, second.answer) == ("blue", "red")
    assert second.evidence[0].region is not None
    assert second.evidence[0].region.x1 < 250


def test_new_pictures_need_nothing_of_the_turn_before(tmp_path: Path) -> None:
    old, new = photo(tmp_path / "old.png"), photo(tmp_path / "new.png")
    agent = VisualAgent(scripted())
    agent.run("What is it?", old, thread="talk")
    old.unlink()
    assert agent.run("What is this?", new, thread="talk").answer == "What is this?"
    new.unlink()
    with pytest.raises(EvidenceError, match=r"new\.png"):
        agent.run("What else?", thread="talk")
