"""LangChain: a chat model that sees, tools that look, a retriever and embeddings.

The names below load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .langchain_chat import ChatLlavaNext
    from .langchain_embeddings import SightloopEmbeddings
    from .langchain_retriever import VisualRetriever
    from .langchain_tools import sightloop_tools

_HOMES = {
    "ChatLlavaNext": ".langchain_chat",
    "SightloopEmbeddings": ".langchain_embeddings",
    "VisualRetriever": ".langchain_retriever",
    "sightloop_tools": ".langchain_tools",
}

__all__ = ["ChatLlavaNext", "SightloopEmbeddings", "VisualRetriever", "sightloop_tools"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __package__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
