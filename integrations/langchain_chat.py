"""A LangChain chat model that sees: a LLaVA-NeXT checkpoint, from the embedded one to the largest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Generator
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables.config import run_in_executor
from pydantic import Field, PrivateAttr

from ..tools.filling import Writer
from .langchain_messages import read
from .langchain_replies import Pieces, Reply, spoken
from .media import Media

FINISHED = {"stop": "stop", "repeat": "stop", "length": "length", "cancelled": "cancelled"}
"""Why an answer ended, in the words of chat models."""


class ChatLlavaNext(BaseChatModel):
    """Answers chats of text, pictures, videos and documents.

    Parameters
    ----------
    eyes : LlavaNext or anything that does what it does, optional
        Who looks and speaks; by default the checkpoint ``model``, loaded at the first call.
    model : str, optional
        A name that ``sightloop models`` lists, or a folder; by default the embedded model.
    urls : bool or set of str
        Whether web addresses in messages are fetched: none (the default), all, or of the named hosts only.
    files : bool
        Whether messages may name files of this machine.
    max_tokens : int, optional
        Longest answer.
    stop : list of str, optional
        Words before which an answer ends.

    Notes
    -----
    ``response_metadata`` of an answer has ``model_name``, ``finish_reason``, ``confidence`` and ``notes``: what
    a reader must know about how it came to be. Answers are greedy: the same chat gets the same one.
    """

    eyes: Any = Field(default=None, exclude=True, repr=False)
    model: str | None = None
    urls: bool | frozenset[str] = False
    files: bool = False
    max_tokens: int | None = Field(default=None, ge=1)
    stop: list[str] | None = None
    media: Any = Field(default=None, exclude=True, repr=False)

    _loading: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "llava-next"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model_name}

    @property
    def model_name(self) -> str:
        """Name of the checkpoint."""
        return self.eyes.name if self.eyes is not None else self.model or "pocket"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return LangSmithParams(**{**super()._get_ls_params(stop=stop, **kwargs), "ls_provider": "sightloop"})

    @cached_property
    def _media(self) -> Media:
        return self.media or Media(urls=self.urls, files=self.files)

    def _looking(self) -> Writer:
        """Return the eyes, loaded once."""
        with self._loading:
            if self.eyes is None:
                from ..tools.llava_next import LlavaNext

                self.eyes = LlavaNext(self.model)
        eyes: Writer = self.eyes
        return eyes

    def _replies(self, messages: list[BaseMessage], *, stream: bool, **options: Any) -> Pieces:
        eyes = self._looking()
        with TemporaryDirectory(prefix="sightloop-") as folder:
            chat = read(messages, self._media, eyes.checkpoint, Path(folder))
        max_tokens = options.get("max_tokens") or self.max_tokens
        yield from spoken(eyes, chat, max_tokens=max_tokens, cancel=options.get("cancel"), stream=stream)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        *_, reply = self._replies(messages, stream=False, **kwargs)
        assert isinstance(reply, Reply)
        message = AIMessage(
            content=reply.text, usage_metadata=_usage(reply), response_metadata=self._metadata(reply)
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Generator[ChatGenerationChunk, None, None]:
        for piece in self._replies(messages, stream=True, **kwargs):
            chunk = ChatGenerationChunk(message=self._chunk(piece))
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _chunk(self, piece: str | Reply) -> AIMessageChunk:
        if isinstance(piece, str):
            return AIMessageChunk(content=piece)
        return AIMessageChunk(
            content="",
            usage_metadata=_usage(piece),
            response_metadata=self._metadata(piece),
            chunk_position="last",
        )

    def _metadata(self, reply: Reply) -> dict[str, Any]:
        return {
            "model_name": self.model_name,
            "finish_reason": FINISHED[reply.stopped_because],
            "confidence": reply.confidence,
            "visual_tokens": reply.usage.visual_tokens,
            "notes": list(reply.notes),
        }

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        left = _Left(kwargs.pop("cancel", None))
        manager = run_manager.get_sync() if run_manager else None
        try:
            return await run_in_executor(None, self._generate, messages, stop, manager, cancel=left, **kwargs)
        finally:
            left.set()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        left = _Left(kwargs.pop("cancel", None))
        chunks = self._stream(messages, stop, None, cancel=left, **kwargs)
        step: asyncio.Future[ChatGenerationChunk | None] | None = None
        try:
            while True:
                step = asyncio.ensure_future(run_in_executor(None, next, chunks, None))
                chunk = await asyncio.shield(step)
                if chunk is None:
                    return
                if run_manager is not None:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
        finally:
            left.set()
            if step is not None and not step.done():
                # A thread is still at it, up to its next token.
                step.add_done_callback(lambda _: chunks.close())
            else:
                chunks.close()


class _Left(threading.Event):
    """Is set when nobody waits any more, or when what the caller gave as ``cancel`` is."""

    def __init__(self, other: Any) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or (self._other is not None and self._other.is_set())


def _usage(reply: Reply) -> UsageMetadata:
    read, new = reply.usage.visual_tokens + reply.usage.text_tokens, reply.usage.new_tokens
    return UsageMetadata(input_tokens=read, output_tokens=new, total_tokens=read + new)
