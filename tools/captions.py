"""Captions: what each still shows, and what is written in it, in words for a memory to search by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..memory import Still
from .llava_next.answers import Answer
from .look import Eyes

DESCRIBE = "Describe the picture."
SIGN = "What does the sign say?"
READ = "What text does this show? Answer with the text only, or with: none."
"""How to ask what is written: ``SIGN`` the embedded model, which was taught no other words."""
NO_TEXT = ("", "none", "no text", "there is no text", "there is none", "nothing")
LONGEST = 64
"""Tokens of a caption, and of what is read, at most."""


@dataclass(frozen=True, slots=True)
class Captions:
    """Describes stills by the eyes: what a memory calls a captioner.

    Parameters
    ----------
    eyes : Eyes
    """

    eyes: Eyes

    def captions(self, stills: Sequence[Still]) -> list[str]:
        """Return one line for each still."""
        answers = self.eyes.answers([[still, DESCRIBE] for still in stills], max_new_tokens=LONGEST)
        return [" ".join(answer.text.split()) for answer in answers]


@dataclass(frozen=True, slots=True)
class Readings:
    """Reads stills by the eyes: what a memory calls a text reader.

    Parameters
    ----------
    eyes : Eyes
    """

    eyes: Eyes

    def texts(self, stills: Sequence[Still]) -> list[str]:
        """Return what is written in each still, behind "the text"; ``""`` where nothing is.

        The words before it let a search for any text, whatever it says, find it.
        """
        answers = read(self.eyes, stills)
        texts = [" ".join(answer.text.split()) for answer in answers]
        return ["" if blank(text) else f'the text "{text}"' for text in texts]


def read(eyes: Eyes, stills: Sequence[Still]) -> list[Answer]:
    """Ask what is written in each still."""
    question = SIGN if eyes.checkpoint.cells else READ
    return eyes.answers([[still, question] for still in stills], max_new_tokens=LONGEST)


def blank(answer: str) -> bool:
    """Tell whether an answer says that nothing is written there."""
    return answer.strip(" .").casefold() in NO_TEXT
