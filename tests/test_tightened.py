"""Tightened: what is written is read as it stands, within its bounds, with logits as bad as can be."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, Optional

import jsonschema
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from sightloop.agent.text_brain import ANSWER, call_schema, parse
from sightloop.agent.toolbox import TOOLS
from sightloop.tests.tiny import sentencepiece, tokenizer
from sightloop.tools.llava_next.closing import Alphabet
from sightloop.tools.llava_next.constrained import Grammar
from sightloop.tools.llava_next.tightened import tightened

BAD = [*'0159eE.-,"\\[{a', "nan", "lowest", "random"]
"""What a model may want: always the same character, no number at all, the impossible, anything."""


def _alphabet(words: Any) -> Alphabet:
    found = Alphabet.of(words, [2])
    assert found is not None
    return found


ALPHABETS = {"bytes": _alphabet(tokenizer()), "pieces": _alphabet(sentencepiece())}


def wanting(what: str, alphabet: Alphabet, seed: int, wider: int = 0) -> Callable[[], Tensor]:
    """Logits of a model that wants one thing, for a vocabulary with padding behind it."""
    generator = torch.Generator().manual_seed(seed)

    def logits() -> Tensor:
        values = torch.randn(alphabet.tokens.vocab_size + wider, generator=generator)
        if what == "nan":
            return values * math.nan
        if what == "lowest":
            return values * 0 - math.inf
        if what != "random":
            values[alphabet.characters[what]] += 50
        return values

    return logits


def written(grammar: Grammar, room: int, logits: Callable[[], Tensor]) -> str:
    """What a model writes that is held to a grammar, its probabilities being some."""
    guide, ids = grammar.guide(), []
    while True:
        chosen = guide.choose(logits(), room - len(ids))
        assert chosen.log_probability <= 1e-5
        ids.append(chosen.id)
        if chosen.complete:
            return grammar.text(ids)
        assert len(ids) < room


def read(text: str) -> Any:
    """The value, which has no number that is none."""

    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is no number")

    def finite(digits: str) -> float:
        assert math.isfinite(float(digits))
        return float(digits)

    return json.loads(text, parse_constant=refuse, parse_float=finite)


ends = st.one_of(
    st.integers(-1000, 1000),
    st.sampled_from([0.1, 0.3, 1e-6, -1e-6, 2.5]),
    st.integers(-(10**14), 10**14),
)
below, above = (
    st.sampled_from(["minimum", "exclusiveMinimum"]),
    st.sampled_from(["maximum", "exclusiveMaximum"]),
)


@st.composite
def number_schemas(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["number", "integer"]))
    low, high = sorted([draw(ends), draw(ends)])
    # With room for a value between them, of the integers, too.
    bounds = {
        draw(below): math.floor(low) - 1 if kind == "integer" else low,
        draw(above): math.ceil(high) + 1,
    }
    kept = draw(st.sets(st.sampled_from(sorted(bounds))))
    return {"type": kind, **{name: bounds[name] for name in kept}}


@pytest.mark.parametrize("words", ALPHABETS)
@given(schema=number_schemas(), what=st.sampled_from(BAD), seed=st.integers(0, 99))
@example({"type": "number"}, "e", 0)
@example({"type": "number", "exclusiveMinimum": 0}, "0", 0)
@example({"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "9", 0)
@example({"type": "number", "exclusiveMinimum": -1e-6, "exclusiveMaximum": 1e-6}, "random", 0)
@example({}, "e", 0)
@example({"type": "array", "minItems": 1}, "9", 0)
def test_numbers_are_read_within_their_bounds(
    words: str, schema: dict[str, Any], what: str, seed: int
) -> None:
    grammar = Grammar(schema, ALPHABETS[words])
    text = written(grammar, grammar.least + 400, wanting(what, ALPHABETS[words], seed))
    jsonschema.validate(read(text), schema)


class Point(BaseModel):
    x: float
    y: Optional[int] = None  # noqa: UP045 - as in models that are older


class Node(BaseModel):
    name: str = Field(min_length=1, max_length=20)
    children: list[Node] = []
    other: Node | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    loud: bool


class Scene(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    points: list[Point] = Field(min_length=1, max_length=3)
    share: float = Field(gt=0, le=1)
    counts: dict[str, int] = {}
    pair: tuple[int, str]
    code: str = Field(pattern="^[a-z]{3}-[0-9]+$")
    anything: Any = None


@pytest.mark.parametrize("words", ALPHABETS)
@pytest.mark.parametrize("model", [Point, Node, Scene], ids=lambda model: model.__name__)
@given(what=st.sampled_from(BAD), extra=st.sampled_from([0, 1, 7, 150]), seed=st.integers(0, 99))
def test_models_are_read_back_and_have_no_other_members(
    words: str, model: type[BaseModel], what: str, extra: int, seed: int
) -> None:
    grammar = Grammar(model.model_json_schema(), ALPHABETS[words])
    text = written(grammar, grammar.least + extra, wanting(what, ALPHABETS[words], seed, wider=seed))
    value = read(text)
    model.model_validate(value)
    assert value.keys() <= model.model_fields.keys()


@pytest.mark.parametrize("words", ALPHABETS)
@given(what=st.sampled_from(BAD), extra=st.sampled_from([0, 1, 40, 200]), seed=st.integers(0, 99))
def test_calls_can_be_made(words: str, what: str, extra: int, seed: int) -> None:
    tools = {tool.name: tool for tool in TOOLS} if not isinstance(TOOLS, dict) else TOOLS
    schema = call_schema(tools, ["image 1", "image 2"])
    grammar = Grammar(schema, ALPHABETS[words])
    text = written(grammar, grammar.least + extra, wanting(what, ALPHABETS[words], seed))
    value = read(text)
    jsonschema.validate(value, schema)
    if value["tool"] != ANSWER:  # an answer of nothing but blanks is the brain's to mend
        assert parse(text, tools) == ((value["tool"], value["arguments"]), "")


@pytest.mark.parametrize(
    ("schema", "shortest"),
    [
        ({"enum": ["b", "a" * 60]}, '"b"'),
        ({"enum": ["z" * 60, "a"]}, '"a"'),
        (
            {
                "anyOf": [
                    {"type": "object", "properties": {"a": {"const": "x" * 50}}, "required": ["a"]},
                    {"type": "object", "properties": {"z": {"const": 1}}, "required": ["z"]},
                ]
            },
            '{"z": 1}',
        ),
        ({"type": "string", "pattern": "^(foo|ba{9}r)$"}, '"foo"'),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, "[true, true]"),
    ],
)
def test_room_for_the_shortest_value_is_room_enough(schema: dict[str, Any], shortest: str) -> None:
    alphabet = ALPHABETS["bytes"]  # a token per byte
    grammar = Grammar(schema, alphabet)
    assert grammar.least == len(shortest)
    for seed in range(5):
        text = written(grammar, grammar.least, wanting("random", alphabet, seed))
        jsonschema.validate(read(text), schema)


@given(schema=number_schemas(), other=st.sampled_from([{}, {"type": "object"}, {"const": 1e300}]))
def test_a_schema_is_left_as_it_is_and_a_tight_one_stays(
    schema: dict[str, Any], other: dict[str, Any]
) -> None:
    whole = {"type": "object", "properties": {"n": schema, "minimum": other}, "required": ["n"]}
    before = copy.deepcopy(whole)
    once = tightened(whole)
    assert whole == before
    assert tightened(once) == once
    assert once["properties"].keys() == whole["properties"].keys()


def test_parts_of_a_whole_may_name_what_the_others_do_not() -> None:
    part = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    other = {"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"]}
    grammar = Grammar({"allOf": [part, other]}, ALPHABETS["bytes"])
    text = written(grammar, grammar.least, wanting("random", ALPHABETS["bytes"], 0))
    assert read(text).keys() == {"a", "b"}
