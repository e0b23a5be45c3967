"""What the agent costs beside the model: milliseconds a step, and a LangChain agent's in the same run.

The eyes answer at once, so all that is measured is ours: deciding, planning prompts, records, and what a
checkpointer keeps. The peer is ``create_agent`` with a chat model that answers at once, making as many calls
of a tool that does nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from PIL import Image

from sightloop.agent import Call, Limits, Move, VisualAgent
from sightloop.agent.chat_brain import ChatBrain
from sightloop.memory import Still
from sightloop.tools.llava_next.answers import Answer, Choice, Usage
from sightloop.tools.llava_next.checkpoints import find
from sightloop.tools.llava_next.plan import plan

CALLS = 6


class QuickEyes:
    """Eyes that answer everything with one word, at once."""

    name = "quick"
    checkpoint = find("pocket")

    def plan(self, prompt: Any) -> Any:
        """Plan as the model does: that is part of what a step costs."""
        return plan(self.checkpoint, prompt)

    def answers(self, prompts: Sequence[Any], **more: Any) -> list[Answer]:
        """Answer."""
        one = Answer(text="red", confidence=0.9, usage=Usage(), model=self.name, stopped_because="stop")
        return [one] * len(prompts)

    def choose(self, prompt: Any, options: Sequence[str]) -> Choice:
        """Choose the first option."""
        return self.choose_many([prompt], options)[0]

    def choose_many(self, prompts: Sequence[Any], options: Sequence[str], **more: Any) -> list[Choice]:
        """Choose the first option."""
        shares = tuple(1.0 if i == 0 else 0.0 for i in range(len(options)))
        one = Choice(option=options[0], index=0, probabilities=shares, usage=Usage(), model=self.name)
        return [one] * len(prompts)


class QuickChat(BaseChatModel):
    """A chat model that calls ``look`` a number of times, then answers; ``told`` counts its turns."""

    told: int = 0

    @property
    def _llm_type(self) -> str:
        return "quick"

    def bind_tools(self, tools: Sequence[Any], **more: Any) -> Any:
        """Take any tools."""
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **more: Any) -> ChatResult:
        turn, self.told = self.told % (CALLS + 1), self.told + 1
        call = {"type": "tool_call", "id": f"c{turn}", "name": "look", "args": {"question": "What is it?"}}
        message = AIMessage("red") if turn == CALLS else AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=message)])


class Calls:
    """A brain that calls ``look`` a number of times, then finishes."""

    def next(self, state: Any, tools: Any, eyes: Any) -> Move:
        """Call until it is enough."""
        done = len(state.observations)
        if done == CALLS:
            return Move()
        call = Call(id=f"c{done}", tool="look", arguments={"question": "What is it?"})
        return Move(calls=(call,))

    def restate(self, question: str, history: Any) -> str:
        """Return the question."""
        return question


def look(question: str) -> str:
    """Look at the picture."""
    return "red"


def measure(run: Callable[[], int], rounds: int) -> dict[str, float]:
    """Time a run that returns how many steps it made, after one to warm up."""
    run()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        steps = run()
        taken.append(1000 * (time.perf_counter() - began) / steps)
    return {"ms_a_step": round(statistics.median(taken), 2), "worst": round(max(taken), 2)}


def steps_of(agent: VisualAgent, picture: Any, threads: Any = None) -> Callable[[], int]:
    """Return a run of an agent, of which calls, observations, checks and answers count as steps."""

    def run() -> int:
        thread = f"t{next(threads)}" if threads is not None else None
        return len(agent.run("What is it?", picture, thread=thread).steps)

    return run


def steps_of_peer(agent: Any, threads: Any = None) -> Callable[[], int]:
    """Return a run of the peer; its steps are its messages but the question: calls, results, answer."""
    question = {"messages": [("user", "What is it?")]}

    def run() -> int:
        config = {"configurable": {"thread_id": f"t{next(threads)}"}} if threads is not None else {}
        return len(agent.invoke(question, config)["messages"]) - 1

    return run


def main() -> None:
    """Measure, and print one object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="runs of each kind (default: 30)")
    args = parser.parse_args()
    eyes, limits = QuickEyes(), Limits(steps=None)
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        Image.new("RGB", (160, 120), "red").save(file)  # small: reading files is not what is measured
        still = Still.from_array(Image.open(file))
        database = str(Path(folder) / "talks.sqlite")
        playbook = VisualAgent(eyes, brain=Calls(), limits=limits)
        rows["sightloop"] = measure(steps_of(playbook, still), args.rounds)
        count = iter(range(10**9))
        kept = VisualAgent(eyes, brain=Calls(), limits=limits, checkpointer=InMemorySaver())
        rows["sightloop, kept in memory"] = measure(steps_of(kept, str(file), count), args.rounds)
        with SqliteSaver.from_conn_string(database) as saver:
            written = VisualAgent(eyes, brain=Calls(), limits=limits, checkpointer=saver)
            rows["sightloop, kept on disk"] = measure(steps_of(written, str(file), count), args.rounds)
        chat = VisualAgent(eyes, brain=ChatBrain(QuickChat(), pictures="words"), limits=limits)
        rows["sightloop, chat model"] = measure(steps_of(chat, still), args.rounds)
        rows["LangChain create_agent"] = measure(
            steps_of_peer(create_agent(QuickChat(), [look])), args.rounds
        )
        with SqliteSaver.from_conn_string(str(Path(folder) / "peer.sqlite")) as saver:
            peer = create_agent(QuickChat(), [look], checkpointer=saver)
            rows["LangChain create_agent, kept on disk"] = measure(steps_of_peer(peer, count), args.rounds)
    print(json.dumps({"calls": CALLS, "rounds": args.rounds, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
