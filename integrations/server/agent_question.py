"""What the agent is asked: the question and what it is about, out of a conversation's messages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from ...agent.inputs import Input
from ...errors import InputError
from ...tools.followup import complete
from ..media import KINDS, Media, Shown
from .chat_request import ForAgent, parts_of, text_of
from .tenants import Tenant


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the files that it is about.

    Parameters
    ----------
    text : str
    shown : tuple of Shown
    """

    text: str
    shown: tuple[Shown, ...]

    @classmethod
    def of(cls, messages: list[BaseMessage], media: Media, folder: Path, *, kept: bool) -> Question:
        """Read a conversation.

        Parameters
        ----------
        messages : of BaseMessage
        media : Media
            What messages may show.
        folder : Path
            For the bytes that come with them.
        kept : bool
            Whether the conversation is known from before, so that only the last message is new. Otherwise a
            follow-up is completed from the questions before it, and is about what was shown last.

        Raises
        ------
        InputError
            If the last message is not the user's, or shows what cannot be read.
        """
        said = [message for message in messages if isinstance(message, HumanMessage)]
        if not said or messages[-1] is not said[-1]:
            raise InputError("the last message is not the user's: end with a question.", input="messages")
        text, parts = text_of(said[-1]), parts_of(said[-1])
        if not kept and text.strip():
            text = ""
            for message in said:
                text, parts = complete(text_of(message), text), parts_of(message) or parts
        return cls(text, tuple(_shown(part, media, folder) for part in parts))

    def inputs(self) -> list[Input]:
        """Return what the agent is given: the pixels of pictures, and the paths of other files."""
        return [_input(one) for one in self.shown]

    @property
    def searched(self) -> list[Shown]:
        """The files that are searched rather than looked at whole."""
        return [one for one in self.shown if one.kind in ("video", "document")]

    def memory(self, wanted: ForAgent, tenant: Tenant) -> str | None:
        """Return the id of the memory to search: the named one, the files', or that of the turn before.

        Raises
        ------
        InputError
            If the files are not of one memory.
        """
        passing = next((one for one in self.shown if one.passing and one.kind != "picture"), None)
        if passing is not None and (wanted.memory or wanted.thread):
            raise InputError(
                f"{passing.name} is not kept: upload it to a memory, and name it by its file_id, so that "
                "the conversation can go on with it.",
                input=passing.name,
            )
        sources = [tenant.catalogue.source(one.name) for one in self.searched if not one.passing]
        owners = {source.memory for source in sources if source is not None}
        if wanted.memory is not None:
            owners.add(wanted.memory)
        if len(owners) > 1 or (owners and passing is not None):
            raise InputError("a question is about files of one memory at a time.", input="messages")
        if owners:
            return owners.pop()
        if wanted.thread is None or self.shown:
            return None
        return next((turn.memory for turn in reversed(tenant.catalogue.results(wanted.thread))), None)


def _shown(part: dict[str, Any], media: Media, folder: Path) -> Shown:
    if part.get("type") not in KINDS:
        raise InputError(
            f"a part of type {part.get('type')!r} is not read; send text, {', '.join(sorted(KINDS))}.",
            input=str(part.get("type")),
        )
    return media.read(part, folder)


def _input(shown: Shown) -> Input:
    if shown.kind == "picture":
        return shown.still()
    if shown.kind == "video" and shown.passing:
        # It is named by the hash of its bytes, and videos are known by their suffixes.
        return shown.path.rename(shown.path.with_suffix(".mp4"))
    return shown.path
