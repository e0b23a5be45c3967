"""The chat model is what LangChain expects of one: its own tests, on the embedded model.

Those that fetch files from the internet fetch them from a server on this machine instead: in their code, and
nowhere else, each address is replaced.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from sightloop import LlavaNext
from sightloop.integrations.langchain import ChatLlavaNext

from .papers import pdf
from .pictures import encoded, noise


@cache
def eyes() -> LlavaNext:
    return LlavaNext()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a picture and a document under any name."""
    document = pdf(tmp_path_factory.mktemp("site") / "dummy.pdf", "Dummy PDF file").read_bytes()
    picture = encoded(noise(), "PNG")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = document if self.path.endswith(".pdf") else picture
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep still."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _from_here(
    site: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    test = getattr(request.function, "__func__", request.function)
    code = test.__code__
    consts = [f"{site}/{Path(const).name}" if _leads_out(const) else const for const in code.co_consts]
    monkeypatch.setattr(test, "__code__", code.replace(co_consts=tuple(consts)))


def _leads_out(const: object) -> bool:
    return isinstance(const, str) and const.startswith("https://") and " " not in const


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatLlavaNext


class TestIntegration(ChatModelIntegrationTests):
    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_image_tool_message = True
    supports_pdf_inputs = True
    supports_pdf_tool_message = True
    supports_video_inputs = True
    supports_anthropic_inputs = True
    supports_audio_inputs = False  # it hears nothing
    supports_model_override = False  # the eyes are loaded once

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatLlavaNext

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"eyes": eyes(), "urls": frozenset({"127.0.0.1"})}
