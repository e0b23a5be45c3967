"""MCP: the five tools and a memory for any client of the Model Context Protocol.

Both generations of the protocol are served: clients that shake hands (up to 2025-11-25), and those of
2026-07-28, which are asked for their folders by an answer that their next request replies to.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListRootsRequest,
    ListRootsResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Tool,
    ToolAnnotations,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from .. import __version__
from ..errors import InputError, SightloopError
from .mcp_memory import MEMORY, TEMPLATES, contents, resources
from .mcp_results import failed, result_of
from .mcp_roots import Roots, folders
from .mcp_service import Service
from .toolkit import TOOLS

if TYPE_CHECKING:
    from ..agent import Limits
    from ..agent.steps import Step
    from ..memory.store import VisualMemory
    from ..tools.llava_next import LlavaNext

INSTRUCTIONS = (
    "Ask about pictures, videos, documents and 3D scenes, by the paths of files in the folders that you work "
    "in. Every answer says how sure it is and shows what it rests on. Videos and documents that were asked "
    "about are remembered: find searches them, and look and read ask about all of them if given no files."
)
NAMING_FILES = ("images", "documents", "scene")
"""Arguments that name files."""
ROOTS = "roots"
"""By which the client's answer is known."""
ROOTS_SECONDS = 30.0
"""How long a client may take to say in which folders it works."""

INTERRUPTED = 130
"""Exit code of a process that was told to end, as shells count it: 128 + SIGINT."""

logger = logging.getLogger(__name__)

Context = ServerRequestContext[Service, Any]


def create_server(
    eyes: Callable[[], LlavaNext],
    *,
    memory: str | None = None,
    roots: Sequence[Path] = (),
    limits: Limits | None = None,
) -> Server[Service]:
    """Make a server of MCP, to be served by :func:`serve_stdio` or :func:`serve_http`.

    Parameters
    ----------
    eyes : callable
        Loads the model that looks; it is called when a client first needs it.
    memory : str, optional
        Folder of the memory that is searched and shown, or the address of a Chroma server. By default one
        that lasts as long as the server, of what it was asked about.
    roots : sequence of Path
        The folders that clients may name files in, beside their own roots; see :class:`.mcp_roots.Roots`.
    limits : Limits, optional
        Of each call.
    """
    operators = [root.absolute() for root in roots]

    @asynccontextmanager
    async def lifespan(_: Server[Service]) -> AsyncIterator[Service]:
        service = Service(eyes, memory, limits)
        try:
            yield service
        finally:
            service.close()  # not in another thread: nothing else is left to do, and nothing may interrupt it

    async def call(ctx: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        return await _call(ctx, params, operators)

    return Server(
        "sightloop",
        title="Sightloop",
        version=__version__,
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        on_list_tools=_list_tools,
        on_call_tool=call,
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_templates,
        on_read_resource=_read_resource,
    )


async def serve_stdio(server: Server[Service]) -> None:
    """Serve one client over this process's stdin and stdout, until it closes them.

    Whatever else this process writes to stdout goes to stderr meanwhile.
    """
    serving = asyncio.current_task()
    assert serving is not None  # this is one
    told = asyncio.Event()

    def end() -> None:
        told.set()
        serving.cancel()

    with suppress(NotImplementedError):  # Windows has only Ctrl-C, which asyncio cancels the task for
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        async with stdio_server() as (read, write):
            try:
                await server.run(read, write, server.create_initialization_options())
            except asyncio.CancelledError:  # also if the client reads no more
                told.set()
            except Exception:
                if not told.is_set():  # else the SDK stumbled over being cancelled
                    logger.exception("the connection broke")
                told.set()
            if told.is_set():
                # All is closed, but a thread waits for the client's next line, which nothing can wake.
                os._exit(INTERRUPTED)
    except* BrokenPipeError:
        logger.info("the client is gone")


async def serve_http(server: Server[Service], listening: socket.socket) -> None:
    """Serve clients over streamable HTTP at ``/mcp``, until the process is told to end.

    Parameters
    ----------
    server : Server
    listening : socket
        Bound to this machine's loopback. Requests that name another host, as those of a web page that plays
        with names do, are refused, and so are those from pages of another host.
    """
    host = listening.getsockname()[0]
    app = server.streamable_http_app(host=host)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
    await uvicorn.Server(config).serve(sockets=[listening])


async def _list_tools(ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
    # All that a tool writes is the server's own memory.
    harmless = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return ListToolsResult(
        tools=[
            Tool(
                name=tool.name,
                description=tool.description,
                input_schema=tool.arguments.model_json_schema(),
                annotations=harmless,
            )
            for tool in TOOLS.values()
        ]
    )


async def _call(
    ctx: Context, params: CallToolRequestParams, operators: Sequence[Path]
) -> CallToolResult | InputRequiredResult:
    """Run a tool; what goes wrong is told in the result, for the model that called it."""
    arguments = params.arguments or {}
    told = _Progress(ctx)
    try:
        clients = await _clients_folders(ctx, params) if any(map(arguments.get, NAMING_FILES)) else []
        if isinstance(clients, InputRequiredResult):
            return clients
        finding = await ctx.lifespan_context.call(params.name, arguments, Roots(operators, clients), told)
        await told.all_sent()
        return await asyncio.to_thread(result_of, finding)
    except SightloopError as error:
        return failed(error.message)
    except Exception as error:
        logger.exception("%s failed", params.name)
        return failed(f"unforeseen: {type(error).__name__}; the server's log says more.")


async def _clients_folders(ctx: Context, params: CallToolRequestParams) -> list[Path] | InputRequiredResult:
    """Return the folders that the client works in, or what asks it for them."""
    able = ctx.session.client_capabilities
    if able is None or able.roots is None:
        return []
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        if params.input_responses is None:
            return InputRequiredResult(input_requests={ROOTS: ListRootsRequest()})
        answer = params.input_responses.get(ROOTS)
        if not isinstance(answer, ListRootsResult):
            raise InputError("the client did not say in which folders it works.")
    else:
        try:
            answer = await ctx.session.send_request(
                ListRootsRequest(),
                ListRootsResult,
                request_read_timeout_seconds=ROOTS_SECONDS,
                metadata=ServerMessageMetadata(related_request_id=ctx.request_id),
            )
        except (MCPError, ValidationError) as error:
            raise InputError(f"the client did not say in which folders it works: {error}.") from error
    return folders(str(root.uri) for root in answer.roots)


class _Progress:
    """Tells the client of each step of a run, from the thread in which it runs."""

    def __init__(self, ctx: Context) -> None:
        self._session = ctx.session
        self._loop = asyncio.get_running_loop()
        self._sent: list[Any] = []

    def __call__(self, step: Step) -> None:
        self._sent.append(
            asyncio.run_coroutine_threadsafe(
                self._session.report_progress(len(self._sent) + 1, None, step.summary), self._loop
            )
        )

    async def all_sent(self) -> None:
        """Wait until the client was told, so that no step comes after the result."""
        await asyncio.gather(*map(asyncio.wrap_future, self._sent), return_exceptions=True)


async def _list_resources(ctx: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
    if ctx.lifespan_context.untouched:
        return ListResourcesResult(resources=[MEMORY])
    return ListResourcesResult(resources=[MEMORY, *await _from_memory(ctx, resources)])


async def _list_templates(ctx: Context, params: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
    return ListResourceTemplatesResult(resource_templates=TEMPLATES)


async def _read_resource(ctx: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    found: ReadResourceResult = await _from_memory(
        ctx, lambda memory: contents(memory, params.uri), params.uri
    )
    return found


async def _from_memory(ctx: Context, read: Callable[[VisualMemory], Any], uri: str = "") -> Any:
    """Return what is read from the memory; what goes wrong is the protocol's error."""
    try:
        return await ctx.lifespan_context.in_memory(read)
    except SightloopError as error:
        code = INVALID_PARAMS if isinstance(error, InputError) else INTERNAL_ERROR
        raise MCPError(code, error.message, {"uri": uri}) from error
