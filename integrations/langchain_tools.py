"""LangChain tools: the toolkit's tools for any agent that LangChain builds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.tools import BaseTool, ToolException
from pydantic import Field, SkipValidation

from ..agent.messages import encoded
from ..agent.steps import text_block
from ..errors import SightloopError
from .toolkit import Toolkit

if TYPE_CHECKING:
    from ..agent import Limits
    from ..memory.store import VisualMemory
    from ..tools.look import Eyes
    from .finding import Finding

Found = tuple[str | list[str | dict[str, Any]], dict[str, Any]]
"""Content and artifact of a tool's message."""


def sightloop_tools(
    memory: VisualMemory | None = None,
    eyes: Eyes | None = None,
    *,
    reads: Callable[[str], str | PathLike[str]] | None = None,
    limits: Limits | None = None,
    show: bool = False,
) -> list[BaseTool]:
    """Return look, compare, find, read and measure as LangChain tools; without a memory, no find.

    A tool's message has the finding in words, and as its artifact the same as JSON: of a run what
    :class:`~sightloop.agent.Result` reads back with all its evidence, of a search what it found. What goes
    wrong because of what a tool was asked is said in its message, whose status is then "error".

    Parameters
    ----------
    memory : VisualMemory, optional
        What is searched and asked, and where the videos and documents are kept that questions are about.
    eyes : Eyes, optional
        The model that looks; the embedded pocket model by default.
    reads : callable, optional
        From a name that the model wrote to the file that is read; raises InputError for what may not be. By
        default any file that this process can read may be asked about.
    limits : Limits, optional
        Of each call.
    show : bool
        Whether the message also has the pictures that the finding rests on, their boxes drawn: for a chat
        model that takes images from tools.

    Returns
    -------
    list of BaseTool

    Examples
    --------
    >>> tools = sightloop_tools()  # doctest: +SKIP
    >>> tools[0].invoke({"question": "What color is the circle?", "images": ["photo.png"]})  # doctest: +SKIP
    'red (100% sure)...'
    """
    if eyes is None:
        from ..tools.llava_next import LlavaNext  # loads torch

        eyes = LlavaNext()
    toolkit = Toolkit(eyes, memory, reads=reads, limits=limits)
    return [
        VisualTool(
            name=name,
            description=described.description,
            args_schema=described.arguments,
            toolkit=toolkit,
            show=show,
        )
        for name, described in toolkit.tools.items()
    ]


class VisualTool(BaseTool):
    """One of the toolkit's tools; made by :func:`sightloop_tools`."""

    toolkit: SkipValidation[Toolkit] = Field(exclude=True, repr=False)
    show: bool = False
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True

    def _run(self, **arguments: Any) -> Found:
        return self._called(arguments, threading.Event())

    async def _arun(self, **arguments: Any) -> Found:
        cancel = threading.Event()
        try:
            return await asyncio.to_thread(self._called, arguments, cancel)
        except asyncio.CancelledError:
            cancel.set()  # the thread stops before the next token
            raise

    def _called(self, arguments: Mapping[str, Any], cancel: threading.Event) -> Found:
        try:
            finding = self.toolkit.call(self.name, arguments, cancel=cancel)
        except SightloopError as error:
            raise ToolException(error.message) from error
        return (_blocks(finding) if self.show else finding.text), finding.data


def _blocks(finding: Finding) -> list[str | dict[str, Any]]:
    """Return the finding as content blocks: its words, then each picture behind its name."""
    blocks: list[str | dict[str, Any]] = [text_block(finding.text)]
    for shown in finding.pictures:
        data, mime = encoded(shown.still)
        blocks += [text_block(f"{shown.name}:"), {"type": "image", "base64": data, "mime_type": mime}]
    return blocks
