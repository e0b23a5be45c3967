"""Registry: the checkpoints that a server has loaded, each shared by all callers."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from ...errors import InputError, UnknownCheckpointError, nearest
from ...tools.llava_next import LlavaNext
from ...tools.sharing import SharedEyes

AGENT = "sightloop-agent"
"""The agent's name as a model."""


class Registry:
    """The models of one server, each behind a thread of its own that all callers share.

    Parameters
    ----------
    eyes : of LlavaNext
        The first is what the agent and the memories look with.

    Raises
    ------
    InputError
        If two have the same name.
    """

    def __init__(self, eyes: Iterable[LlavaNext]) -> None:
        self.eyes: dict[str, SharedEyes] = {}
        for one in eyes:
            name = _called(one.name)
            if name in self.eyes:
                raise InputError(f"two models are called {name!r}: rename the folder of one.", input=one.name)
            self.eyes[name] = SharedEyes(one)
        self.since = int(time.time())

    @property
    def first(self) -> SharedEyes:
        """What the agent and the memories look with."""
        return next(iter(self.eyes.values()))

    @property
    def names(self) -> list[str]:
        """What a request may name as its model."""
        return [AGENT, *self.eyes]

    def of(self, name: str) -> SharedEyes:
        """Return the eyes of this name.

        Raises
        ------
        UnknownCheckpointError
            If no such model is served.
        """
        if name not in self.eyes:
            raise UnknownCheckpointError(
                f"no model {name!r} is served here.{nearest(name, self.names)} GET /v1/models lists them.",
                input=name,
            )
        return self.eyes[name]

    def close(self) -> None:
        """End the threads."""
        for one in self.eyes.values():
            one.close()


def _called(name: str) -> str:
    """Return what clients call a model: where its folder lies is nothing to them."""
    folder = Path(name)
    return folder.resolve().name if folder.is_dir() else name
