"""Filling: a JSON value of a schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from .look import Eyes

if TYPE_CHECKING:
    from .llava_next.answers import Answer
    from .llava_next.generate import Cancel
    from .llava_next.prompts import Prompt


class Writer(Eyes, Protocol):
    """Eyes that can be listened to while they answer."""

    @property
    def writes_json(self) -> bool:
        """Whether they can be given a schema."""

    def stream(
        self,
        prompt: Prompt,
        *,
        max_new_tokens: int | None = None,
        cancel: Cancel | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Iterator[str | Answer]:
        """Answer a prompt piece by piece, and give the whole answer last."""
