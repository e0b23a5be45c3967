"""The command line, called as a user calls it, in this process (fast) or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from sightloop.integrations.cli import main


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, which must be all there is on stderr."""
        assert self.out == ""
        (only,) = json.loads(self.err).values()
        assert set(only) == {"type", "message", "input"}
        assert only["message"].strip()
        return only


Sightloop = Callable[..., Ran]


def in_process(capsys: pytest.CaptureFixture[str]) -> Sightloop:
    """Return the command line as a function of its arguments."""

    def run(*args: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(arg) for arg in args])
        assert isinstance(exit_.value.code, int)
        return Ran(exit_.value.code, *capsys.readouterr())

    return run


def in_a_process(*args: object, **environment: str) -> Ran:
    """Run ``python -m sightloop`` with ``args``."""
    done = subprocess.run(
        [sys.executable, "-m", "sightloop", *map(str, args)],
        capture_output=True, text=True, encoding="utf-8", env={**os.environ, **environment}, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)
