"""A LangChain chat model that sees: a LLaVA-NeXT checkpoint, from the embedded one to the largest."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from langchain_core.runnables import Runnable
from langchain_core.runnables.config import run_in_executor
from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field, PrivateAttr

from ..errors import InputError
from ..tools.filling import Writer
from .langchain_calls import called, formed
from .langchain_messages import in_one_form, read
from .langchain_options import Options
from .langchain_replies import How, Left, Pieces, Reply, spoken, until
from .langchain_structured import openai_tool, structured
from .media import Media

FINISHED = {"repeat": "stop"}
"""Why an answer ended, where chat models have another word for it."""


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
    media : Media, optional
        What messages may show, in place of ``urls`` and ``files``.
    max_tokens : int, optional
        Longest answer.
    stop : list of str, optional
        Words before which an answer ends.

    Notes
    -----
    ``response_metadata`` of an answer has ``model_name``, ``finish_reason``, ``confidence`` and ``notes``,
    what a reader must know about how it came to be. Answers are greedy: the same chat gets the same one.

    Examples
    --------
    >>> chat = ChatLlavaNext(files=True)  # doctest: +SKIP
    >>> picture = {"type": "image", "url": "photo.png"}  # doctest: +SKIP
    >>> chat.invoke([("user", ["What color is the circle?", picture])]).text  # doctest: +SKIP
    'red'
    """

    eyes: Any = Field(default=None, exclude=True, repr=False)
    model: str | None = None
    urls: bool | frozenset[str] = False
    files: bool = False
    media: Media | None = Field(default=None, exclude=True, repr=False)
    max_tokens: int | None = Field(default=None, ge=1)
    stop: list[str] | None = None

    _loading: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "llava-next"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model": self.model_name}

    @property
    def model_name(self) -> str:
        """Name of the checkpoint."""
        return str(self.eyes.name) if self.eyes is not None else self.model or "pocket"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        told = super()._get_ls_params(stop=stop, **{"model": self.model_name, **kwargs})
        return LangSmithParams(**{**told, "ls_provider": "sightloop"})

    def _resolve_model_profile(self) -> ModelProfile:
        from ..tools.llava_next.checkpoints import find, from_folder

        if self.eyes is not None:
            checkpoint = self.eyes.checkpoint
        else:
            folder = Path(self.model or "pocket")
            checkpoint = from_folder(folder) if folder.is_dir() else find(str(folder))
        return ModelProfile(
            max_input_tokens=checkpoint.window,
            image_inputs=True,
            image_url_inputs=bool(self._media.urls),
            pdf_inputs=True,
            video_inputs=checkpoint.video,
            audio_inputs=False,
            image_tool_message=True,
            pdf_tool_message=True,
            tool_calling=True,
            tool_choice=True,
            structured_output=True,
        )

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

    def bind_tools(
        self,
        tools: Sequence[Mapping[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | Mapping[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Let the model call tools.

        Parameters
        ----------
        tools : of dict, class, function or BaseTool
        tool_choice : "auto", "any", "none", or the name of a tool, optional
            Whether a tool has to be called, and which. By default the model decides.
        """
        formatted = [openai_tool(tool) for tool in tools]
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=formatted, **choice, **kwargs)

    def with_structured_output(
        self,
        schema: Mapping[str, Any] | type,
        *,
        include_raw: bool = False,
        method: str = "json_schema",
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Let the model answer with a value that is valid under a schema, whatever its weights.

        Parameters
        ----------
        schema : pydantic class, TypedDict or JSON schema
        include_raw : bool
            Return ``{"raw": message, "parsed": value, "parsing_error": None or error}``.
        method : "json_schema", "json_mode" or "function_calling"
            The first two hold the answer to the schema, the third the arguments of a call.
        """
        if method == "function_calling":
            return super().with_structured_output(
                dict(schema) if isinstance(schema, Mapping) else schema, include_raw=include_raw
            )
        return structured(self, schema, method, include_raw=include_raw)

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        value = super()._convert_input(model_input)
        return ChatPromptValue(messages=in_one_form(value.to_messages()))

    def _replies(
        self, messages: list[BaseMessage], stop: list[str] | None, *, stream: bool, **given: Any
    ) -> Pieces:
        named = given.pop("model", None)
        eyes = self._looking()
        if named not in (None, eyes.name):
            raise InputError(
                f"this model is {eyes.name}, not {named}: make a ChatLlavaNext(model=...) of it.", input=named
            )
        options = Options.read(stop or self.stop, {"max_tokens": self.max_tokens, **given})
        with TemporaryDirectory(prefix="sightloop-") as folder:
            chat = read(messages, self._media, eyes.checkpoint, Path(folder))
        left = Left(options.cancel)
        how = How(options.max_tokens, left, stream)
        if options.tools:
            must, schema = options.must_call, options.schema
            pieces = called(eyes, chat, options.tools, how, must=must, schema=schema)
        elif options.schema is not None:
            pieces = formed(eyes, chat, how, options.schema)
        else:
            pieces = spoken(eyes, chat, how)
        yield from until(pieces, options.stop, left) if options.stop and not options.schema else pieces

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        *_, reply = self._replies(messages, stop, stream=False, **kwargs)
        assert isinstance(reply, Reply)
        message = AIMessage(
            content=reply.text,
            tool_calls=[tool_call(name=name, args=args, id=_id()) for name, args in reply.calls],
            usage_metadata=_usage(reply),
            response_metadata=self._metadata(reply),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Generator[ChatGenerationChunk, None, None]:
        for piece in self._replies(messages, stop, stream=True, **kwargs):
            chunk = ChatGenerationChunk(message=self._chunk(piece))
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _chunk(self, piece: str | Reply) -> AIMessageChunk:
        if isinstance(piece, str):
            return AIMessageChunk(content=piece)
        calls = [
            tool_call_chunk(name=name, args=json.dumps(args, ensure_ascii=False), id=_id(), index=index)
            for index, (name, args) in enumerate(piece.calls)
        ]
        return AIMessageChunk(
            content="",
            tool_call_chunks=calls,
            usage_metadata=_usage(piece),
            response_metadata=self._metadata(piece),
            chunk_position="last",
        )

    def _metadata(self, reply: Reply) -> dict[str, Any]:
        return {
            "model_name": self.model_name,
            "finish_reason": FINISHED.get(reply.stopped_because, reply.stopped_because),
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
        left = Left(kwargs.pop("cancel", None))
        try:
            return await run_in_executor(None, self._generate, messages, stop, None, cancel=left, **kwargs)
        finally:
            left.set()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        left = Left(kwargs.pop("cancel", None))
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
            if step is None or step.done():
                chunks.close()
            else:
                # A thread is still at it, up to its next token.
                step.add_done_callback(lambda last: _close(chunks, last))


def _close(chunks: Generator[ChatGenerationChunk, None, None], last: asyncio.Future[Any]) -> None:
    """Close a stream that nobody listens to any more; how its last step ended is nobody's concern either."""
    chunks.close()
    if not last.cancelled():
        last.exception()


def _id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"


def _usage(reply: Reply) -> UsageMetadata:
    read, new = reply.usage.visual_tokens + reply.usage.text_tokens, reply.usage.new_tokens
    return UsageMetadata(input_tokens=read, output_tokens=new, total_tokens=read + new)
