"""An assistant that looks at pictures, videos, documents and scenes, when a person lets it.

Run ``pip install langchain langgraph-checkpoint-sqlite``, then ``python examples/assistant.py``, and ask
about files by their names: "What color is the circle in photo.png?". Before it looks, it shows the call that
it wants to make: ``y`` lets it, ``n`` does not, and other arguments as JSON change it. The conversation is
kept in ``assistant.sqlite``: started again, the assistant goes on with it, and asks again about a call that
waits.

The embedded model is no talker: of it ChatLlavaNext makes one that takes the tool which the question's words
and files call for, and hands on what the tool found, word for word. It knows rendered shapes and quotes
documents; of photos it only guesses, and says so. ``--model llava-hf/llava-interleave-qwen-7b-hf`` plans and
words its answers by itself, and so does any other chat model of LangChain in its place.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from sightloop import LlavaNext, SightloopError
from sightloop.integrations.langchain import ChatLlavaNext, sightloop_tools
from sightloop.tools.remember import memory_of

HELP = 'y lets it, n does not, other arguments as JSON change it: {"question": ...}'


def assistant(eyes: LlavaNext, memory: Any, saver: SqliteSaver) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return an agent that has every call of a tool approved, and whose conversations are kept."""
    tools = sightloop_tools(memory, eyes)
    return create_agent(
        ChatLlavaNext(eyes=eyes),
        tools,
        middleware=[HumanInTheLoopMiddleware(interrupt_on={tool.name: True for tool in tools})],
        checkpointer=saver,
    )


def turn(agent: CompiledStateGraph[Any, Any, Any, Any], config: Any, given: Any) -> AIMessage:
    """Run one turn of the conversation, with a person's decisions on what it wants to call."""
    state = agent.invoke(given, config)
    while waiting := state.get("__interrupt__"):
        decisions = [decided(call) for call in waiting[0].value["action_requests"]]
        state = agent.invoke(Command(resume={"decisions": decisions}), config)
    answer = state["messages"][-1]
    assert isinstance(answer, AIMessage)
    return answer


def decided(call: dict[str, Any]) -> dict[str, Any]:
    """Ask a person whether a tool may be called so."""
    print(f"May I {call['name']}? {json.dumps(call['args'])}\n  ({HELP})")
    for said in lines("> "):
        if said in ("y", "yes"):
            return {"type": "approve"}
        if said in ("n", "no"):
            return {"type": "reject", "message": "The person did not allow this."}
        try:
            changed = {**call["args"], **json.loads(said)}
        except (ValueError, TypeError):
            print(f"  ({HELP})")
        else:
            return {"type": "edit", "edited_action": {"name": call["name"], "args": changed}}
    raise SystemExit("nobody decides: the call waits for the next start.")


def lines(prompt: str) -> Iterator[str]:
    """Yield what the person writes, line by line, to the end of the input."""
    print(prompt, end="", flush=True)
    for line in sys.stdin:
        if line.strip():
            yield line.strip()
        print(prompt, end="", flush=True)
    print()


def main() -> None:
    """Talk."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a checkpoint; the embedded model by default")
    parser.add_argument("--memory", help="folder in which videos and documents are kept, and searched")
    parser.add_argument("--talk", default="assistant.sqlite", help="file that the conversation is kept in")
    options = parser.parse_args()
    eyes = LlavaNext(options.model)
    config = {"configurable": {"thread_id": "talk"}}
    with SqliteSaver.from_conn_string(options.talk) as saver, memory_of(eyes, options.memory) as memory:
        agent = assistant(eyes, memory, saver)
        if agent.get_state(config).interrupts:  # it was ended while a call waited
            print(turn(agent, config, None).text)
        for question in lines("You: "):
            try:
                print(turn(agent, config, {"messages": [HumanMessage(question)]}).text)
            except SightloopError as error:
                print(error.message)


if __name__ == "__main__":
    main()
