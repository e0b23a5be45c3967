"""Replies: what a model's tokens and scores are to a caller, with cost, confidence and notes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .answers import Answer, Choice, Usage
from .constrained import Grammar
from .generate import Row
from .loading import Loaded
from .pocket.familiar import UNFAMILIAR, UNFAMILIAR_CONFIDENCE
from .pocket.untaught import UNTAUGHT, untaught
from .prepare import Prepared
from .seen import Seen


def text_of(loaded: Loaded, row: Row, grammar: Grammar | None = None) -> str:
    """Return the words of an answer, as far as it has grown."""
    if grammar is not None:
        # To the letter: what a tokenizer tidies up would be another value.
        return grammar.text(row.ids)
    text: str = loaded.tokenizer.decode(row.ids, skip_special_tokens=True)
    return text.strip()


class Words:
    """The words of an answer as it grows; all that are new at a time are its text together.

    Parameters
    ----------
    loaded : the model
    row : its tokens, grown in place
    grammar : that it is held to, if any
    """

    def __init__(self, loaded: Loaded, row: Row, grammar: Grammar | None = None) -> None:
        self._loaded, self._row, self._grammar = loaded, row, grammar
        self._said = ""

    def new(self) -> str:
        """Return what was not said yet."""
        text, said = text_of(self._loaded, self._row, self._grammar), self._said
        # A character of several tokens shows as U+FFFD until its last one is there.
        if self._row.stopped_because is None and text.endswith("\ufffd"):
            return ""
        if len(text) <= len(said) or not text.startswith(said):
            return ""
        self._said = text
        return text[len(said) :]


def answered(
    loaded: Loaded, prepared: Prepared, seen: Seen, row: Row, seconds: float, grammar: Grammar | None = None
) -> Answer:
    """Return the answer that a row of tokens is."""
    text = text_of(loaded, row, grammar)
    # However surely nothing was said, nothing is answered by it.
    confidence = min(1.0, math.exp(row.log_probability)) if text else 0.0
    strange = _strange(loaded, prepared, seen)
    return Answer(
        text=text,
        confidence=min(confidence, UNFAMILIAR_CONFIDENCE) if strange else confidence,
        usage=_usage(prepared, len(row.ids), seconds),
        stopped_because=row.stopped_because or "length",
        model=loaded.checkpoint.name,
        notes=(*prepared.notes, *strange),
    )


def unsaid(model: str) -> Answer:
    """Return the answer that was cancelled before anything ran."""
    return Answer(text="", confidence=0.0, usage=Usage(), stopped_because="cancelled", model=model)


def chosen(
    loaded: Loaded, prepared: Prepared, seen: Seen, row: list[float], options: Sequence[str], seconds: float
) -> Choice:
    """Return the choice that a row of probabilities is."""
    strange = _strange(loaded, prepared, seen)
    if strange:  # hardly better than chance, and said to be so
        row = [1 / len(row) + UNFAMILIAR_CONFIDENCE * (p - 1 / len(row)) for p in row]
    index = max(range(len(row)), key=row.__getitem__)
    return Choice(
        option=options[index],
        index=index,
        probabilities=tuple(row),
        usage=_usage(prepared, 0, seconds),
        model=loaded.checkpoint.name,
        notes=(*prepared.notes, *strange),
    )


def _strange(loaded: Loaded, prepared: Prepared, seen: Seen) -> tuple[str, ...]:
    """Say what of a prompt is unlike all that the embedded model was trained on: its stills, its words."""
    known = loaded.familiar
    if known is None:
        return ()
    asked = " ".join(part for part in prepared.prompt if isinstance(part, str))
    words = untaught(loaded.tokenizer, asked)
    notes = [UNTAUGHT.format(words=", ".join(words))] if words else []
    if not all(known.knows(average) for average in seen.averages):
        notes.insert(0, UNFAMILIAR)
    return tuple(notes)


def _usage(prepared: Prepared, new_tokens: int, seconds: float) -> Usage:
    return Usage(
        visual_tokens=prepared.plan.visual_tokens,
        text_tokens=prepared.plan.text_tokens,
        new_tokens=new_tokens,
        stills=len(prepared.stills),
        seconds=seconds,
    )
