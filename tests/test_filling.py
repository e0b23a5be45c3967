"""Forms that the embedded model fills in: valid under any schema, with what was said or shown."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from PIL import Image, ImageDraw

from sightloop import LlavaNext
from sightloop.errors import InputError
from sightloop.memory import Still
from sightloop.tools.filling import Filled, fill
from sightloop.tools.filling_words import Words

STRING: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}


@cache
def eyes() -> LlavaNext:
    return LlavaNext()


@cache
def shapes() -> Still:
    image = Image.new("RGB", (96, 64), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((12, 16, 44, 48), fill=(220, 30, 30))
    draw.rectangle((56, 16, 88, 48), fill=(30, 60, 220))
    return Still.from_array(image)


def form(required: list[str] | None = None, **members: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": members,
        "required": list(members) if required is None else required,
    }


def filled(schema: dict[str, Any], said: str, *, looking: bool = False, **options: Any) -> Filled:
    found = fill(eyes(), schema, said, (shapes(),) if looking else (), **options)
    Draft202012Validator(schema).validate(found.value)
    return found


bounds = st.integers(-50, 50)
simple = st.one_of(
    st.builds(lambda a, b: {"type": "integer", "minimum": min(a, b), "maximum": max(a, b)}, bounds, bounds),
    st.builds(lambda a: {"type": "number", "exclusiveMinimum": a}, bounds),
    st.builds(lambda a, b: {"type": "string", "minLength": a, "maxLength": a + b}, *[st.integers(0, 9)] * 2),
    st.sampled_from(
        [
            {"type": "boolean"},
            {"type": "null"},
            {"const": "fixed"},
            {"enum": ["red", 3, None]},
            {"type": ["string", "null"]},
            {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
            {"type": "string", "format": "date"},
            {"anyOf": [{"type": "integer", "minimum": 7}, {"type": "null"}], "default": None},
            {"$ref": "#/$defs/kept"},
            {"allOf": [{"$ref": "#/$defs/kept"}]},
            True,
            {},
        ]
    ),
)  # fmt: skip
names = st.sampled_from(["name", "color", "count", "question", "images", "answer", "width", "when", "circle"])
KEPT: dict[str, Any] = {"$defs": {"kept": form(["n"], n=INTEGER, next={"$ref": "#/$defs/kept"})}}


@st.composite
def objects(draw: st.DrawFn, inside: st.SearchStrategy[Any]) -> dict[str, Any]:
    members = draw(st.dictionaries(names, inside, max_size=4))
    required = draw(st.lists(st.sampled_from(sorted(members)), unique=True)) if members else []
    return form(required, **members)


schemas = st.recursive(
    simple,
    lambda inside: (
        objects(inside)
        | st.builds(
            lambda items, least: {"type": "array", "items": items, "minItems": least},
            inside,
            st.integers(0, 2),
        )
    ),
    max_leaves=6,
).filter(lambda schema: isinstance(schema, dict))
messages = st.text(max_size=60) | st.sampled_from(
    [
        "What color is the circle in 'a b.png'?",
        "width=3.5, count 7",
        "On 2024-02-30 call AB-123",
        "1e999 or 0",
    ]
)


@settings(max_examples=20)
@given(schemas, messages, st.booleans(), st.sampled_from(["", "red", '{"color": "blue", "count": 2}', "["]))
def test_a_value_is_valid_under_any_schema_whatever_was_said(
    schema: dict[str, Any], said: str, words_first: bool, results: str
) -> None:
    found = filled({**schema, **KEPT}, said, results=results, words_first=words_first)
    assert json.loads(json.dumps(found.value)) == found.value
    assert (found.confidence == 0.0) == bool(found.missing)
    assert all(note for note in found.notes)


@given(st.lists(st.integers(-999, 999), min_size=1, max_size=5))
def test_numbers_are_taken_in_the_order_in_which_they_are_said(numbers: list[int]) -> None:
    schema = form(**{f"n{i}": INTEGER for i in range(len(numbers))})
    assert list(filled(schema, "Add " + " and ".join(map(str, numbers)) + ".").value.values()) == numbers


@pytest.mark.parametrize(
    ("schema", "said", "value"),
    [
        (form(input=INTEGER), "What is the value of magic_function(3)?", {"input": 3}),
        (form(height=INTEGER, width={"type": "number"}), "width=3.5, height: 7", {"height": 7, "width": 3.5}),
        (form(name=STRING), "Create a customer named '你好啊集团' in China", {"name": "你好啊集团"}),
        (form(place=STRING), "What is the weather in San Francisco, CA?", {"place": "San Francisco, CA"}),
        (form(day={"type": "string", "format": "date"}), "Was it 2024-05-06?", {"day": "2024-05-06"}),
        (form(path={**STRING, "format": "file-path"}), "Open notes.txt, please.", {"path": "notes.txt"}),
        (form(code={**STRING, "pattern": "^[A-Z]{2}-[0-9]+$"}), "find AB-12, please", {"code": "AB-12"}),
        (form(mode={"enum": ["fast", "slow"]}), "Do it in the slow mode.", {"mode": "slow"}),
        (form(loud={"type": "boolean"}), "loud: yes", {"loud": True}),
        (form(["n"], n=INTEGER, more=INTEGER), "just 4", {"n": 4}),
        (form(question=STRING, images={"type": "array", "items": STRING}), "Is a.png like 'b c.jpg'?",
         {"question": "Is a.png like 'b c.jpg'?", "images": ["a.png", "b c.jpg"]}),
        (form(pages={"type": "array", "items": STRING}), "Are a.png and b.pdf alike?", {"pages": ["b.pdf"]}),
    ],
)  # fmt: skip
def test_words_tell_fields(schema: dict[str, Any], said: str, value: object) -> None:
    found = filled(schema, said, words_first=True)
    assert (found.value, found.missing, found.confidence) == (value, (), None)


@pytest.mark.parametrize(
    ("schema", "said", "value"),
    [
        (form(color=STRING), "What color is the circle?", {"color": "red"}),
        (form(color={"enum": ["green", "blue", "red"]}), "What color is the square?", {"color": "blue"}),
        (form(count=INTEGER), "How many shapes are there?", {"count": 2}),
        (form(it={"type": "boolean", "description": "Is there a blue square?"}), "Look.", {"it": True}),
        (
            form(
                a={**STRING, "description": "color of the circle"},
                b={**INTEGER, "description": "number of shapes"},
            ),
            "Tell me about it.",
            {"a": "red", "b": 2},
        ),
    ],
)  # fmt: skip
def test_pictures_tell_fields(schema: dict[str, Any], said: str, value: object) -> None:
    found = filled(schema, said, looking=True)
    assert (found.value, found.missing) == (value, ())
    assert (found.confidence or 0) > 0.4
    assert found.usage.stills >= 1


def test_what_tools_answered_tells_fields() -> None:
    schema = form(color=STRING, count=INTEGER)
    assert filled(schema, "What color is it?", results="red").value["color"] == "red"
    found = filled(schema, "Tell me.", results='{"color": "blue", "count": 2, "count_is": "two"}')
    assert (found.value, found.missing) == ({"color": "blue", "count": 2}, ())


def test_what_nothing_tells_is_said_and_never_made_up() -> None:
    found = filled(form(name=STRING, age={"type": "integer", "minimum": 18}), "hello")
    assert found.value["name"] == ""
    assert found.value["age"] >= 18
    assert (found.missing, found.confidence) == (("name", "age"), 0.0)
    assert "name, age" in found.notes[-1]
    assert filled(form(name={"anyOf": [STRING, {"type": "null"}]}), "hello").value == {"name": None}
    assert filled(form(name={**STRING, "default": "Ann"}), "hello").value == {"name": "Ann"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"type": "string", "pattern": "("},
        {"type": "integer", "minimum": 3, "maximum": 1},
        {"not": {"type": "string"}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/gone"}}},
        {"type": "object", "properties": {"a": {"default": {1, 2}}}},
    ],
)
def test_a_schema_that_cannot_be_held_to_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        fill(eyes(), schema, "hello")


def test_a_megabyte_of_words_is_looked_through_at_once() -> None:
    said = "a/b A.b 'c \"d 1.2e " * 50_000
    found = filled(form(n={"type": "number"}, name=STRING, path=STRING, mode={"enum": ["x", "y"]}), said)
    assert set(found.value) == {"n", "name", "path", "mode"}


@pytest.mark.parametrize(
    "schema",
    [
        form([], **{f"a{i}": {"$ref": "#"} for i in range(12)}),  # 12 to the sixth
        form(**{f"a{i}": {**STRING, "pattern": f"^(a|aa)+b{{{i + 1}}}$"} for i in range(30)}),
        form(**{f"a{i}": {"type": "array", "items": STRING, "minItems": 3} for i in range(40)}),
        form(mode={"enum": [f"option {i}" for i in range(3000)]}),
    ],
    ids=["endless", "patterns", "lists", "choices"],
)
def test_a_schema_that_is_large_is_filled_in_soon(schema: dict[str, Any]) -> None:
    filled(schema, "Ann and 'x y' 3 4 a.png " * 1000)


def test_a_schema_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="characters"):
        fill(eyes(), form(**{f"a{i}": STRING for i in range(10_000)}), "hello")


@given(st.text(max_size=200))
def test_no_piece_of_a_message_is_given_twice(text: str) -> None:
    words = Words(text)
    given_away = []
    while (piece := words.word(lambda _: True)) is not None:
        given_away.append(piece)
    assert words.number(lambda _: True) is None
    assert words.quoted(lambda _: True) is None
    assert len(given_away) <= len(text.split())
