"""Constrained: whatever the weights say, a whole JSON value that is valid under the schema."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn.modules.module import register_module_forward_hook

from sightloop.errors import InputError
from sightloop.tests.test_local import QUESTION, picture, watching
from sightloop.tests.tiny import KINDS, build, sentencepiece, tokenizer
from sightloop.tools.llava_next import Answer, LlavaNext, Prompt
from sightloop.tools.llava_next.closing import Alphabet
from sightloop.tools.llava_next.constrained import SCHEMAS, Grammar, Grammars
from sightloop.tools.llava_next.generate import REPEATED_TOKENS
from sightloop.tools.llava_next.loading import load

MODELS = [*KINDS, "vicuna pieces", "mistral pieces"]

names = st.text("abcdefgh_", min_size=1, max_size=6)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


def bounded(kind: str, low: str, high: str, most: int) -> st.SearchStrategy[dict[str, Any]]:
    ends = st.tuples(st.integers(0, most), st.integers(0, most)).map(sorted)
    return st.one_of(
        st.just({"type": kind}),
        ends.map(lambda pair: {"type": kind, low: pair[0], high: pair[1]}),
        ends.map(lambda pair: {"type": kind, high: pair[1]}),
    )


strings = bounded("string", "minLength", "maxLength", 12)
numbers = st.one_of(bounded("integer", "minimum", "maximum", 400), bounded("number", "minimum", "maximum", 9))
enums = st.lists(words, min_size=1, max_size=4, unique=True).map(lambda values: {"enum": values})
plain = st.one_of(strings, numbers, enums, st.just({"type": "boolean"}), st.just({"type": "null"}))
arrays = st.tuples(plain, st.integers(0, 2), st.integers(0, 2)).map(
    lambda made: {"type": "array", "items": made[0], "minItems": made[1], "maxItems": made[1] + made[2]}
)
arguments = st.one_of(
    plain, arrays, st.lists(plain, min_size=1, max_size=2).map(lambda some: {"anyOf": some})
)


def thing(members: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


@st.composite
def tools(draw: st.DrawFn) -> dict[str, Any]:
    """Calls of one of several tools: an object with the tool's name and an object of arguments."""
    calls = []
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        members = draw(st.dictionaries(names, arguments, max_size=3))
        required = [member for member in members if draw(st.booleans())]
        tool = draw(st.sampled_from([{"const": name}, {"enum": [name]}]))
        calls.append(thing({"name": tool, "args": thing(members, required)}, ["name", "args"]))
    return {"anyOf": calls}


LOOK = thing({"name": {"const": "look"}, "args": thing({"q": {"type": "string"}}, ["q"])}, ["name", "args"])
NODE = thing({"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, ["next"])


@pytest.fixture(scope="session")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LlavaNext]:
    return {
        name: LlavaNext(build(name.split()[0], tmp_path_factory.mktemp("model"), pieces="pieces" in name))
        for name in MODELS
    }


def valid(text: str, schema: dict[str, Any]) -> Any:
    value = json.loads(text)
    jsonschema.validate(value, schema)
    return value


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=6)
@given(schema=tools(), room=st.integers(1, 200), seed=st.integers(0, 99))
@example(schema=LOOK, room=200, seed=0)
@example(schema={"type": "number"}, room=1, seed=1)
@example(schema={"type": "string", "pattern": "^[ab]*c$"}, room=40, seed=1)
@example(schema={"$ref": "#/$defs/node", "$defs": {"node": NODE}}, room=60, seed=1)
@example(schema={"type": "object", "additionalProperties": {"type": "integer"}}, room=30, seed=1)
@example(schema={}, room=20, seed=1)
def test_every_answer_is_whole_and_valid(
    name: str, schema: dict[str, Any], room: int, seed: int, eyes: dict[str, LlavaNext]
) -> None:
    prompt: Prompt = [picture(40, 30, seed), "Which tool?"]
    loaded = eyes[name]._loaded
    alphabet = Alphabet.of(loaded.tokenizer, loaded.stop_ids)
    assert alphabet is not None
    least = Grammar(schema, alphabet, loaded.template.lead).least
    if room < least:
        with pytest.raises(InputError, match=str(least)):
            eyes[name].answer(prompt, max_new_tokens=room, schema=schema)
        room = least
    answer = eyes[name].answer(prompt, max_new_tokens=room, schema=schema)
    valid(answer.text, schema)
    assert answer.stopped_because == "stop"
    assert answer.usage.new_tokens <= room
    assert 0 < answer.confidence <= 1


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_is_its_prompts_one_by_one(name: str, eyes: dict[str, LlavaNext]) -> None:
    prompts: list[Prompt] = [QUESTION, [picture(31, 64, 2), picture(20, 20, 3), "Same?"], ["Hello"], QUESTION]
    together = eyes[name].answers(prompts, max_new_tokens=60, schema=LOOK)
    for prompt, answer in zip(prompts, together, strict=True):
        alone = eyes[name].answer(prompt, max_new_tokens=60, schema=LOOK)
        assert (answer.text, answer.usage.new_tokens) == (alone.text, alone.usage.new_tokens)
        assert math.log(answer.confidence) == pytest.approx(math.log(alone.confidence), rel=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_a_stream_is_the_answer(name: str, eyes: dict[str, LlavaNext]) -> None:
    *pieces, last = eyes[name].stream(QUESTION, max_new_tokens=90, schema=LOOK)
    assert isinstance(last, Answer)
    assert "".join(str(piece) for piece in pieces) == last.text
    assert last.text == eyes[name].answer(QUESTION, max_new_tokens=90, schema=LOOK).text
    valid(last.text, LOOK)


def test_confidence_is_the_share_among_what_was_allowed(eyes: dict[str, LlavaNext]) -> None:
    chat = eyes["onevision"]  # its answers begin with no white space
    loaded, given_ = load(chat.name), ["yes", "no"]
    logits: list[torch.Tensor] = []

    def note(module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(module, torch.nn.Linear) and output.shape[-1] == loaded.checkpoint.text.vocabulary:
            logits.append(output[0, -1])

    handle = register_module_forward_hook(note)
    try:
        answer = chat.answer(QUESTION, schema={"enum": given_})
    finally:
        handle.remove()
    # The quotation mark is forced, then one letter decides, and what follows is forced again.
    places = [loaded.tokenizer.convert_tokens_to_ids(word[0]) for word in given_]
    shares = logits[1][places].softmax(-1)
    assert json.loads(answer.text) == given_[int(shares.argmax())]
    assert answer.confidence == pytest.approx(shares.max().item(), rel=1e-4)


def test_what_nothing_else_can_be_is_certain(eyes: dict[str, LlavaNext]) -> None:
    for name in KINDS:  # a token is a byte, so that there is one way to write it
        answer = eyes[name].answer(QUESTION, schema={"const": "the only value"})
        assert (answer.text, answer.confidence) == ('"the only value"', 1.0)


def test_a_string_in_circles_is_closed(tmp_path: Path) -> None:
    stuck = LlavaNext(build("onevision", tmp_path / "stuck"))
    with torch.no_grad():
        stuck._loaded.model.get_output_embeddings().weight.zero_()  # always the first token allowed
    schema = thing({"note": {"type": "string"}, "done": {"type": "boolean"}}, ["note", "done"])
    answer = stuck.answer(QUESTION, max_new_tokens=500, schema=schema)
    assert len(valid(answer.text, schema)["note"]) >= REPEATED_TOKENS
    assert answer.stopped_because == "stop"
    assert answer.usage.new_tokens < 3 * REPEATED_TOKENS


def test_a_cancelled_answer_is_left_in_pieces(eyes: dict[str, LlavaNext]) -> None:
    cancel = threading.Event()
    stream = eyes["interleave"].stream(QUESTION, max_new_tokens=200, cancel=cancel, schema=LOOK)
    begun = [next(stream), next(stream)]
    cancel.set()
    *rest, last = stream
    assert isinstance(last, Answer)
    assert last.stopped_because == "cancelled"
    assert "".join(str(piece) for piece in [*begun, *rest]) == last.text
    assert json.dumps({"name": "look"}).startswith(last.text)


@pytest.mark.parametrize("name", MODELS)
def test_without_a_schema_nothing_changes(name: str, eyes: dict[str, LlavaNext]) -> None:
    before = eyes[name].answer(QUESTION, max_new_tokens=20)
    eyes[name].answer(QUESTION, max_new_tokens=40, schema=LOOK)
    after = eyes[name].answer(QUESTION, max_new_tokens=20, schema=None)
    assert (after.text, after.confidence) == (before.text, before.confidence)


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ({"type": "colour"}, "colour"),
        ({"type": "string", "format": "haiku"}, "haiku"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"enum": []}, "schema"),
        ({"$ref": "#/$defs/nothing"}, "nothing"),
        ({"enum": [object()]}, "JSON"),
        ("string", "str"),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 9000}, "value"),
    ],
)
def test_a_schema_that_cannot_be_held_to_is_refused_first(
    schema: Any, what: str, eyes: dict[str, LlavaNext]
) -> None:
    with watching("LlamaModel") as reading, watching("CLIPVisionModel") as seeing:
        with pytest.raises(InputError, match=what):
            eyes["vicuna"].answer(QUESTION, schema=schema)
        assert (reading, seeing) == ([], [])


def test_a_vocabulary_that_cannot_write_json_is_refused_first(eyes: dict[str, LlavaNext]) -> None:
    pocket = LlavaNext()
    assert not pocket.writes_json
    with watching("LlamaModel") as reading, pytest.raises(InputError, match="cannot write JSON"):
        pocket.answer(["What is it?"], schema=LOOK)
    assert reading == []
    assert all(chat.writes_json for chat in eyes.values())


def test_the_grammars_of_the_latest_schemas_are_kept() -> None:
    alphabet = Alphabet.of(tokenizer(), [2])
    assert alphabet is not None
    grammars = Grammars(alphabet, "")
    schemas = [{"const": i} for i in range(SCHEMAS)]
    first, *others = (grammars.of(schema) for schema in schemas)
    assert grammars.of({"const": 0}) is first
    added = grammars.of(LOOK)
    assert grammars.of(schemas[1]) is not others[0]  # was asked for longest ago
    assert (grammars.of(schemas[0]), grammars.of(LOOK)) == (first, added)
    assert grammars.of(MappingProxyType({"const": 0})).least == first.least


@pytest.mark.parametrize("words", [tokenizer("<s>"), sentencepiece()], ids=["bytes", "pieces"])
@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30))
def test_tokens_spell_what_they_are_written_for(words: Any, text: str) -> None:
    alphabet = Alphabet.of(words, [2])
    assert alphabet is not None
    assert alphabet.read(alphabet.write(text.encode())) == text.encode()
