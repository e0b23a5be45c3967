"""The times of a video's frames, without decoding them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .videos import Video
from .watchdog import watched


class TimedVideo(Video):
    """A video that tells when its frames begin; parameters and errors as of :class:`Video`."""

    def times(self) -> NDArray[np.float64] | None:
        """Return when frames begin, in seconds from the first one on; None where the packets do not tell."""
        (timeline,) = watched(lambda pulse: iter([self._timeline(pulse)]), self.source)
        return None if timeline is None else np.asarray(timeline.times, dtype=np.float64)
