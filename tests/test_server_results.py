"""What was answered is kept with its report, and conversations go on after a restart."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from keeping import added, ball, error, found, indexed, memory, send
from remembering import film
from serving import Serving, serving

from sightloop.agent.result import Result


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


def asked(client: httpx.Client, question: str, *files: str, **extension: Any) -> httpx.Response:
    """Ask the agent about files of a memory."""
    content: list[dict[str, Any]] = [{"type": "text", "text": question}]
    content += [{"type": "file", "file": {"file_id": file}} for file in files]
    messages = [{"role": "user", "content": content}]
    return client.post(
        "/v1/chat/completions",
        json={"model": "sightloop-agent", "messages": messages, "sightloop": extension},
    )


def answered(client: httpx.Client, question: str, *files: str, **extension: Any) -> dict[str, Any]:
    """Ask, and return what the answer's extension tells."""
    answer = asked(client, question, *files, **extension)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["sightloop"]
    return told


def test_a_result_is_kept_as_the_agent_gave_it(client: httpx.Client, served: Serving) -> None:
    red = added(client, memory(client), "red.png", ball())["id"]
    told = answered(client, "What color is the circle?", red)
    kept = client.get(f"/v1/results/{told['result_id']}")
    result = Result.model_validate_json(kept.content)
    assert (result.question, result.answer) == ("What color is the circle?", "red")
    assert [json.loads(one.model_dump_json()) for one in result.evidence] == told["evidence"]
    assert result.evidence[0].still.origin.source == f"{red}/red.png"
    page = client.get(told["report"])
    assert page.headers["content-type"].startswith("text/html")
    assert "sandbox" in page.headers["content-security-policy"]
    assert "data:image" in page.text
    for text in (kept.text, page.text):
        assert str(served.data) not in text
    assert client.delete(f"/v1/results/{told['result_id']}").json()["deleted"]
    for path in (f"/v1/results/{told['result_id']}", told["report"]):
        error(client.get(path), 404)
    assert not list(served.data.rglob(told["result_id"]))


def test_a_conversation_has_its_turns_and_is_removed(client: httpx.Client, served: Serving) -> None:
    red = added(client, memory(client), "red.png", ball())["id"]
    first = answered(client, "What color is the circle?", red, thread="talk")
    second = answered(client, "What shape is it?", thread="talk")
    whole = client.get("/v1/conversations/talk").json()
    assert (whole["title"], whole["turns"]) == ("What color is the circle?", 2)
    assert [turn["result"] for turn in whole["data"]] == [first["result_id"], second["result_id"]]
    listed = client.get("/v1/conversations").json()["data"]
    assert {name: whole[name] for name in listed[0]} == listed[0]  # the latest is the first
    assert client.delete("/v1/conversations/talk").json()["deleted"]
    error(client.get("/v1/conversations/talk"), 404)
    error(client.delete("/v1/conversations/talk"), 404)
    error(client.get(second["report"]), 404)
    error(asked(client, "And what size is it?", thread="talk"), 400)  # nothing is left to go on with


def test_what_is_not_ready_or_broken_says_so(client: httpx.Client, served: Serving) -> None:
    path = memory(client)
    broken = added(client, path, "broken.png", ball()[:60])["id"]
    told = error(asked(client, "What is it?", broken), 400)["message"]
    assert "broken.png" in told
    assert str(served.data) not in told
    error(asked(client, "What is it?", "file-0000000000000000"), 404)
    error(asked(client, "What is it?", memory="mem-0000000000000000"), 404)


def test_no_key_sees_anothers_results(guarded: Serving) -> None:
    with guarded.client("ann") as ann, guarded.client("bob") as bob:
        path = memory(ann)
        red = added(ann, path, "red.png", ball())["id"]
        told = answered(ann, "What color is the circle?", red, thread="same")
        for answer in (
            bob.get(f"/v1/results/{told['result_id']}"),
            bob.delete(f"/v1/results/{told['result_id']}"),
            bob.get(told["report"]),
            bob.get("/v1/conversations/same"),
            bob.delete("/v1/conversations/same"),
            asked(bob, "What color is the circle?", red),
            asked(bob, "What color is the circle?", memory=path.rpartition("/")[2]),
        ):
            error(answer, 404)
        assert bob.get("/v1/conversations").json()["data"] == []
        error(asked(bob, "And what shape is it?", thread="same"), 400)  # his own, which he never began
        assert answered(ann, "What shape is it?", thread="same")["result_id"]


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server, server.client() as client:
        path = memory(client)
        red = added(client, path, "red.png", ball())["id"]
        told = answered(client, "What color is the circle?", red, thread="talk")
        long = send(client, path, "film.mp4", film(tmp_path / "film.mp4", shots=16).read_bytes()).json()["id"]
        server.process.terminate()
        assert server.process.wait(timeout=60) in (0, -signal.SIGTERM)
    with serving(tmp_path / "data") as server, server.client() as client:
        assert [hit["source"] for hit in found(client, path, "red", kinds=["photo"])] == [red]
        assert client.get(f"/v1/results/{told['result_id']}").json()["answer"] == "red"
        assert client.get(told["report"]).status_code == 200
        again = answered(client, "What color is it?", thread="talk")
        assert again["evidence"][0]["still"]["source"] == f"{red}/red.png"
        assert client.get("/v1/conversations/talk").json()["turns"] == 2
        assert indexed(client, path, long)["status"] == "ready"
