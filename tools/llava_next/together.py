"""Together: prompts of several callers decoded as one batch, each heard, held and stopped by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from .answers import Answer
from .batches import Peak, batches, charged
from .constrained import Grammar
from .features import pad_left
from .generate import Cancel, Row, decode
from .loading import Loaded
from .prepare import Prepared, cost
from .prompts import Prompt
from .recovery import out_of_memory, release, with_less
from .replies import Words, answered
from .seen import Seen, see


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt, and how it is to be answered; as of :meth:`.local.LlavaNext.answer`.

    Parameters
    ----------
    prompt : sequence of str, Still and Said
    max_new_tokens : int, optional
    cancel : optional
    schema : mapping, optional
    memory_bytes : int, optional
    """

    prompt: Prompt
    max_new_tokens: int | None = None
    cancel: Cancel | None = None
    schema: Mapping[str, Any] | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A request that is known to fit; ``place`` tells whose it is."""

    place: int
    request: Request
    prepared: Prepared
    grammar: Grammar | None


class _Begun(NamedTuple):
    """A batch up to its first tokens, where memory is at its highest and nothing has been said yet."""

    ready: Sequence[Ready]
    seen: Sequence[Seen]
    rows: Sequence[Row]
    growing: Iterator[list[Row]]
    peak: Peak
    at: float


def together(
    loaded: Loaded, ready: Sequence[Ready], smaller: Callable[[Prepared], Prepared | None]
) -> Iterator[tuple[int, str | Answer]]:
    """Answer requests, batched where they fit together.

    Parameters
    ----------
    loaded : the model
    ready : of requests
    smaller : makes the next smaller plan of a prompt, None if there is none

    Yields
    ------
    place, piece : int, str or Answer
        Of a request: pieces of its text as they come, and once, at its end, its answer.
    """

    def allowed(one: Ready) -> int:
        return one.request.memory_bytes or 0

    for _, group in groupby(sorted(ready, key=allowed), allowed):
        same = list(group)
        for places in batches([one.prepared for one in same], same[0].request.memory_bytes):
            for begun in _begun(loaded, [same[i] for i in places], smaller):
                yield from _spoken(loaded, begun)


def decoding(
    loaded: Loaded,
    batch: Sequence[Prepared],
    seen: Sequence[Seen],
    cancels: Sequence[Cancel | None],
    grammars: Sequence[Grammar | None],
) -> Iterator[list[Row]]:
    """Continue prompts that were seen, as :func:`.generate.decode`, each within its own limit and form."""
    embedded, mask = pad_left([one.embedded for one in seen])
    return decode(
        loaded.model,
        embedded,
        mask,
        limits=[max(1, one.plan.new_tokens) for one in batch],
        stop_ids=loaded.stop_ids,
        temperature=loaded.temperature,
        cancels=cancels,
        guides=[None if grammar is None else grammar.guide() for grammar in grammars],
    )


def _begun(
    loaded: Loaded, ready: Sequence[Ready], smaller: Callable[[Prepared], Prepared | None]
) -> Iterator[_Begun]:
    """Begin a batch; where memory runs out over it, its members one after the other, by smaller plans."""
    if len(ready) > 1:
        try:
            whole = _start(loaded, ready)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        else:
            yield whole
            return
        release()

    def less(one: Ready) -> Ready | None:
        prepared = smaller(one.prepared)
        return None if prepared is None else replace(one, prepared=prepared)

    for one in ready:
        yield with_less(one, lambda alone: _start(loaded, [alone]), less, lambda of: cost(of.prepared))


def _start(loaded: Loaded, ready: Sequence[Ready]) -> _Begun:
    at, batch = time.perf_counter(), [one.prepared for one in ready]
    peak = Peak(batch, loaded.device)
    seen = see(loaded.model, loaded.checkpoint.vision, loaded.template, batch)
    cancels, grammars = [one.request.cancel for one in ready], [one.grammar for one in ready]
    growing = decoding(loaded, batch, seen, cancels, grammars)
    return _Begun(ready, seen, next(growing), growing, peak, at)


def _spoken(loaded: Loaded, begun: _Begun) -> Iterator[tuple[int, str | Answer]]:
    """Yield what the rows say as they grow, and the answer of each as soon as it has ended."""
    words = [Words(loaded, row, one.grammar) for row, one in zip(begun.rows, begun.ready, strict=True)]
    left = list(range(len(begun.ready)))
    while left:
        for i in tuple(left):
            one, row = begun.ready[i], begun.rows[i]
            if piece := words[i].new():
                yield one.place, piece
            if row.stopped_because is not None:
                left.remove(i)
                seconds = (time.perf_counter() - begun.at) / len(begun.ready)
                answer = answered(loaded, one.prepared, begun.seen[i], row, seconds, one.grammar)
                yield one.place, charged(answer, begun.peak.bytes)
        next(begun.growing, None)
