"""A form that is filled in: each field by what is said, by what is shown, or by what its schema gives.

What is to be chosen is chosen, by the eyes where there are stills; numbers, names and files come out of the
message's own words (:mod:`.filling_words`), or out of an answer of the eyes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..memory import Still
from .filling_fields import ANSWER, FILES, WHOLE, Field
from .filling_valid import fits, grammar
from .filling_words import LONGEST, Fits, Words
from .llava_next.answers import Answer, Choice, Usage
from .llava_next.prompts import Prompt
from .look import Eyes, interleave

SURE = 0.5
"""Confidence from which an answer to one question about a field is taken before others are asked."""
DEEPEST = 6
"""How far objects and lists within each other are filled in; further down, the least value stands."""
MOST_PARTS, MOST_ASKED = 256, 64
"""Parts of a schema that are filled in, and questions that the eyes are asked: a schema may be endless."""
MOST_ITEMS = 32
"""Items that a list is filled with at most."""

_ASKS = re.compile(r"(?:what|which|who|where|when|why|how|is|are|do|does|can|describe|list|count)\b", re.I)
_HOW_MANY = re.compile(r"\bhow (?:many|much)\b", re.I)
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Found(NamedTuple):
    """A value of a part of a schema, and whether anything tells it, or it only fills its place."""

    value: Any
    told: bool


@dataclass(slots=True)
class Form:
    """A form that is being filled in; the first parameters are those of :func:`.filling.fill`."""

    eyes: Eyes
    schema: Mapping[str, Any]
    said: str
    stills: tuple[Still, ...]
    results: str
    words_first: bool
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    confidence: float | None = None
    parts: int = 0
    asked: int = 0
    folded: str = field(init=False)
    words: Words = field(init=False)
    members: Mapping[str, Any] = field(init=False)
    alone: bool = field(init=False)

    def __post_init__(self) -> None:
        self.folded = self.said[-LONGEST:].casefold()
        self.words = Words(self.said)
        self.members = _members(self.results)
        self.alone = len(self._resolved(self.schema).get("properties", ())) <= 1

    def part(self, schema: Any, path: tuple[str, ...] = (), depth: int = 0) -> Found:
        """Return a value of a part of the schema, noting it as missing where nothing tells it."""
        found = self._tried(schema, path, depth)
        if found is not None:
            return found
        self.missing.append(".".join(path) or "the value")
        return Found(self._least(schema), told=False)

    def _tried(self, schema: Any, path: tuple[str, ...], depth: int) -> Found | None:
        """Return a value that something tells, or that the schema itself gives; None if there is none."""
        self.parts += 1
        if not isinstance(schema, Mapping) or depth > DEEPEST or self.parts > MOST_PARTS:
            return None
        schema = self._resolved(schema)
        if "const" in schema:
            return Found(schema["const"], told=True)
        found = self._of_its_kind(schema, path, depth)
        return Found(schema["default"], told=False) if found is None and "default" in schema else found

    def _of_its_kind(self, schema: Mapping[str, Any], path: tuple[str, ...], depth: int) -> Found | None:
        branches = _branches(schema)
        if branches:
            return self._branch(branches, schema, path, depth)
        if "enum" in schema:
            return self._chosen(Field(schema, path))
        if schema.get("type") == "object" or "properties" in schema:
            return self._object(schema, path, depth)
        if schema.get("type") == "array":
            return self._array(schema, path)
        if schema.get("type") == "null":
            return Found(None, told=True)
        return self._simple(Field(schema, path))

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow references, and lay the parts of ``allOf`` over each other."""
        for _ in range(DEEPEST):
            if isinstance(schema.get("$ref"), str):
                schema = {**self._defined(schema["$ref"]), **_without(schema, "$ref")}
            elif isinstance(schema.get("allOf"), list):
                parts = [self._resolved(one) for one in schema["allOf"] if isinstance(one, Mapping)]
                merged = {key: value for part in parts for key, value in part.items()}
                schema = {**merged, **_without(schema, "allOf")}
            else:
                break
        return schema

    def _defined(self, reference: str) -> Mapping[str, Any]:
        target: Any = self.schema
        for step in filter(None, reference.removeprefix("#").split("/")):
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, Mapping) else None
        return target if isinstance(target, Mapping) else {}

    def _branch(
        self,
        branches: Sequence[Mapping[str, Any]],
        schema: Mapping[str, Any],
        path: tuple[str, ...],
        depth: int,
    ) -> Found | None:
        """Return the first of several forms that something tells, or null where it may be."""
        described = {key: schema[key] for key in ("description", "title") if key in schema}
        nullable = False
        for branch in branches:
            if branch.get("type") == "null":
                nullable = True
                continue
            found = self._if_told({**described, **branch}, path, depth + 1)
            if found is not None:
                return found
        return Found(None, told=False) if nullable and "default" not in schema else None

    def _if_told(self, schema: Any, path: tuple[str, ...], depth: int) -> Found | None:
        """Return a value only if all that it needs is told."""
        before = len(self.missing)
        found = self._tried(schema, path, depth)
        if found is not None and found.told and len(self.missing) == before:
            return found
        del self.missing[before:]
        return None

    def _object(self, schema: Mapping[str, Any], path: tuple[str, ...], depth: int) -> Found:
        """Fill in the members: all that must be there, and of the others those that something tells."""
        required = schema.get("required", ())
        members: dict[str, Found] = {}
        for name, form in schema.get("properties", {}).items():
            inside = (*path, name)
            if name in required:
                members[name] = self.part(form, inside, depth + 1)
            elif (found := self._if_told(form, inside, depth + 1)) is not None:
                members[name] = found
        told = not required or any(found.told for found in members.values())
        return Found({name: found.value for name, found in members.items()}, told)

    def _array(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> Found | None:
        """Fill a list: with files, numbers or names of the message, or with what the eyes list."""
        items = schema.get("items")
        item = Field(self._resolved(items) if isinstance(items, Mapping) else {"type": "string"}, path)
        least, most = schema.get("minItems", 0), min(MOST_ITEMS, schema.get("maxItems", MOST_ITEMS))
        values: list[Any] = []
        while len(values) < most and not item.wants(WHOLE):
            value = self._from_words(item)
            if value is None:
                break
            values.append(value)
        if not values and self.looking and not item.wants(FILES):
            pieces = [_read(piece, item.kind) for piece in self._listed(Field(schema, path))]
            values = [value for value in pieces if fits(value, item.schema)][:most]
        if values and len(values) >= least:
            return Found(values, told=True)
        return None if least or "default" in schema else Found([], told=False)

    def _simple(self, one: Field) -> Found | None:
        """Fill in a string, a number or a truth."""
        ways: list[Callable[[Field], Any]] = [self._from_words, self._from_eyes]
        if self.looking and not self.words_first and not one.wants(WHOLE) and not one.wants(FILES):
            ways.reverse()
        for way in (self._from_results, *ways):
            value = way(one)
            if value is not None:
                return Found(value, told=True)
        return None

    def _from_results(self, one: Field) -> Any:
        """Return what tools have answered: the member of the field's name, or the answer if it wants that."""
        member = self.members.get(one.path[-1]) if one.path else None
        if fits(member, one.schema):
            return member
        if not self.results or not (one.wants(ANSWER) or self._meant(one)):
            return None
        answer = str(self.members.get("answer", self.results))
        value = _TRUTHS.get(answer.casefold()) if one.kind == "boolean" else _read(answer, one.kind)
        return value if fits(value, one.schema) else None

    def _meant(self, one: Field) -> bool:
        """Whether the message's own question is about a field."""
        counts = one.kind in ("integer", "number") and _HOW_MANY.search(self.folded) is not None
        return self.alone or counts or _mentions(self.folded, one.name)

    def _from_words(self, one: Field) -> Any:
        """Return a value that is in the message's words, or None."""
        if one.kind == "boolean":
            return _TRUTHS.get(self.words.named(one.name, lambda text: text.casefold() in _TRUTHS) or "")

        def may_be(text: str) -> bool:
            return fits(_read(text, one.kind), one.schema)

        text = None
        if one.kind in ("integer", "number"):
            text = self.words.named(one.name, may_be) or self.words.number(may_be)
        elif one.kind == "string":
            text = self.words.named(one.name, may_be) or self._string(one, may_be)
        return None if text is None else _read(text, one.kind)

    def _string(self, one: Field, may_be: Fits) -> str | None:
        """Return what a string may be: the whole message, a file, a quotation or a name."""
        if one.wants(WHOLE):
            return self.said if may_be(self.said) else None
        if one.wants(FILES):
            return self.words.file(lambda name: may_be(name) and FILES[one.noun](name))
        if one.schema.keys() & {"pattern", "format"}:
            return self.words.word(may_be)
        return self.words.quoted(may_be) or self.words.name(may_be)

    def _from_eyes(self, one: Field) -> Any:
        """Return a value that the eyes answer with, or None."""
        if not self.looking or one.wants(FILES):
            return None
        if one.kind == "boolean":
            return self._choice(["yes", "no"], one) == "yes"
        if one.kind not in ("string", "integer", "number"):
            return None
        answers = self.eyes.answers([self._prompt(question) for question in self._questions(one)])
        self._spend(answers)
        read = [(answer, _read(answer.text, one.kind)) for answer in answers]
        fitting = [(answer, value) for answer, value in read if fits(value, one.schema)]
        if not fitting:
            return None
        sure = next((pair for pair in fitting if pair[0].confidence >= SURE), None)
        answer, value = sure or max(fitting, key=lambda pair: pair[0].confidence)
        self._believe(answer)
        return value

    def _chosen(self, one: Field) -> Found | None:
        """Choose among given values: the one that the message names, or that the eyes find likeliest."""
        options = list(one.schema["enum"])
        texts = [option if isinstance(option, str) else json.dumps(option) for option in options]
        said = self.folded if self.words_first or not self.looking else ""
        for text in (self.results[-LONGEST:].casefold(), said):
            spoken = [i for i, option in enumerate(texts) if _mentions(text, option)]
            if len(spoken) == 1:
                return Found(options[spoken[0]], told=True)
        if self.looking and all(text.strip() for text in texts):
            return Found(options[texts.index(self._choice(texts, one))], told=True)
        return None

    def _choice(self, options: Sequence[str], one: Field) -> str:
        best: Choice | None = None
        for question in self._questions(one):
            choice = self.eyes.choose(self._prompt(question), options)
            self._spend([choice])
            if best is None or choice.confidence > best.confidence:
                best = choice
            if choice.confidence >= SURE:
                break
        assert best is not None  # there is always a question
        self._believe(best)
        return best.option

    def _listed(self, one: Field) -> list[str]:
        question = next(self._questions(one))
        (answer,) = self.eyes.answers([self._prompt(question)])
        self._spend([answer])
        self._believe(answer)
        return [piece.strip() for piece in re.split(r",| and ", answer.text) if piece.strip()]

    def _questions(self, one: Field) -> Iterator[str]:
        """Yield what to ask the eyes for a field: the message's own question first where it is about it."""
        described = str(one.schema.get("description", "")).strip()
        meant = self._meant(one) or not (described or one.name)
        if meant:
            yield self.said
        if described:
            yield described if _ASKS.match(described) else f"What is the {described.removeprefix('the ')}?"
        if one.name:
            yield f"What is the {one.name}?"
        if not meant:
            yield self.said

    def _prompt(self, question: str) -> Prompt:
        return interleave(question, self.stills, self.eyes.checkpoint)

    @property
    def looking(self) -> bool:
        """Whether the eyes may be asked."""
        return bool(self.stills) and self.asked < MOST_ASKED

    def _spend(self, answers: Sequence[Answer | Choice]) -> None:
        self.asked += len(answers)
        self.usage = sum((answer.usage for answer in answers), self.usage)

    def _believe(self, answer: Answer | Choice) -> None:
        self.confidence = (1.0 if self.confidence is None else self.confidence) * answer.confidence
        self.notes += answer.notes

    def _least(self, schema: Any) -> Any:
        """Return a short value of a part of the schema."""
        if not isinstance(schema, Mapping):
            schema = {}
        shared = {key: self.schema[key] for key in ("$defs", "definitions") if key in self.schema}
        return json.loads(grammar({**shared, **schema}).least_text)


def _read(text: str, kind: str) -> str | float | int | None:
    """Return the value of a kind that a text says; None if it says none."""
    if kind == "string":
        return text
    found = _NUMBER.search(text)
    if found is None:
        return None
    value = float(found[0])
    whole = math.isfinite(value) and value == int(value)
    return int(value) if whole else value if kind == "number" else None


def _members(results: str) -> Mapping[str, Any]:
    """Return the members of the JSON object that a tool has answered with, if it did."""
    try:
        value = json.loads(results)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _branches(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the forms of which a schema allows any one; empty where it is one form."""
    for keyword in ("anyOf", "oneOf"):
        if isinstance(schema.get(keyword), list):
            return [branch for branch in schema[keyword] if isinstance(branch, Mapping)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return []


def _without(schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != key}


def _mentions(folded: str, words: str) -> bool:
    """Whether a text in lower case has some words."""
    wanted = words.casefold()
    return (
        bool(wanted)
        and wanted in folded
        and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", folded) is not None
    )
