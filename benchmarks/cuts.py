"""Cuts and keyframes: how well they are found, beside PySceneDetect, and how fast.

Every clip is read by our whole pass (cuts, sharpness, near-duplicates, keyframes) and by each of
PySceneDetect's detectors (defaults, OpenCV backend, detection alone), in turn, ``--runs`` times. Times are
the least of them, on the wall's clock and of the processor; both use OpenCV with one thread, and as many
threads to decode as they choose. Pixels of keyframes are not converted: who keeps them does.

Montages of the seeds 0 to 3 and 100 to 103 and films of the seeds 0 to 7 were looked at while the thresholds
were chosen; those measured here are of other seeds. The films (:mod:`events`) are rendered: their cuts again,
and whether each thing that appears for two seconds is in a keyframe.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import events
import montage
from scenedetect import SceneManager, open_video
from scenedetect.detectors import (
    AdaptiveDetector,
    ContentDetector,
    HashDetector,
    HistogramDetector,
    ThresholdDetector,
)

from sightloop.memory.keyframes import Keyframe, Shot, scan
from sightloop.memory.sources.videos import Video

DETECTORS = {
    "content": ContentDetector,
    "adaptive": AdaptiveDetector,
    "hash": HashDetector,
    "histogram": HistogramDetector,
    "threshold": ThresholdDetector,
}
FIRST_MONTAGE, FIRST_FILM = 200, 100
"""Seeds from which on nothing was looked at before it was measured."""


def peer(path: Path, detector: type) -> list[int]:
    """Return PySceneDetect's cuts: the first frame of each scene but the first."""
    video, manager = open_video(str(path), backend="opencv"), SceneManager()
    manager.add_detector(detector())
    manager.detect_scenes(video)
    return [scene[0].frame_num for scene in manager.get_scene_list()][1:]


def ours(path: Path) -> tuple[list[int], list[int]]:
    """Return the numbers of the frames that are our cuts and keyframes."""
    cuts, kept = [], []
    with Video(path) as video:
        for found in scan(video.frames()):
            if isinstance(found, Shot):
                cuts.append(found.first_frame)
            elif isinstance(found, Keyframe):
                kept.append(found.index)
    return cuts[1:], kept


def measure_clip(name: str, path: Path, changes: list[montage.Change], runs: int) -> dict[str, Any]:
    """Read one clip with everything, in turn."""
    ways: dict[str, Callable[[], Any]] = {"sightloop": lambda: ours(path)}
    for detector, kind in DETECTORS.items():
        ways[detector] = lambda kind=kind: peer(path, kind)
    seconds, busy = ({way: [] for way in ways} for _ in range(2))
    answers: dict[str, Any] = {}
    for _ in range(runs):
        for way, run in ways.items():
            start, worked = time.perf_counter(), time.process_time()
            answers[way] = run()
            seconds[way].append(time.perf_counter() - start)
            busy[way].append(time.process_time() - worked)
    cuts, kept = answers.pop("sightloop")
    wall, work = ({way: min(some) for way, some in times.items()} for times in (seconds, busy))
    fastest = min(DETECTORS, key=wall.__getitem__)
    peers = {way: round(montage.f1(found, changes), 3) for way, found in answers.items()}
    rivals = [way for way in peers if peers[way] == max(peers.values())]
    return {
        "clip": name,
        "changes": len(changes),
        "f1": round(montage.f1(cuts, changes), 3),
        "peers": peers,
        "best_peer": max(peers.values()),
        "seconds": round(wall["sightloop"], 3),
        "processor_seconds": round(work["sightloop"], 3),
        "fastest_peer": fastest,
        "fastest_peer_seconds": round(wall[fastest], 3),
        "fastest_peer_processor_seconds": round(min(work[name] for name in DETECTORS), 3),
        "times_its_time": round(wall["sightloop"] / wall[fastest], 2),
        "times_the_best": round(wall["sightloop"] / min(wall[way] for way in rivals), 2),
        "times_its_work": round(work["sightloop"] / min(work[name] for name in DETECTORS), 2),
        "keyframes": len(kept),
    }


def measure_films(seeds: Sequence[int], seconds: float, folder: Path) -> dict[str, Any]:
    """Scan rendered films: cuts of flat scenes, and what appears in them."""
    shown, kept_of, missed, frames, keyframes = 0, 0, [], 0, 0
    scores: dict[str, list[float]] = {"sightloop": [], **{name: [] for name in DETECTORS}}
    for seed in seeds:
        film, path = events.film(seed, seconds), folder / f"film-{seed}.mp4"
        events.write(film, path)
        changes = [montage.Change("hard", cut, cut) for cut in film.cuts]
        cuts, kept = ours(path)
        scores["sightloop"].append(montage.f1(cuts, changes))
        for name, detector in DETECTORS.items():
            scores[name].append(montage.f1(peer(path, detector), changes))
        for event in film.events:
            shown += 1
            if any(event.first <= index <= event.last for index in kept):
                kept_of += 1
            else:
                missed.append(f"{seed}: {event.what}, {event.kind}, from frame {event.first}")
        frames += len(film.sheets)
        keyframes += len(kept)
        path.unlink()
    means = {name: round(statistics.mean(some), 3) for name, some in scores.items()}
    return {
        "films": len(seeds),
        "f1": means.pop("sightloop"),
        "peers": means,
        "events": shown,
        "recall": round(kept_of / shown, 4),
        "missed": missed,
        "seconds_per_keyframe": round(frames / events.FPS / keyframes, 2),
    }


def main() -> None:
    """Measure, and print a table, or one object with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--runs", type=int, default=5, help="times that each clip is read (default: 5)")
    parser.add_argument("--montages", type=int, default=4, help="montages of each bitrate (default: 4)")
    parser.add_argument("--films", type=int, default=8, help="rendered films (default: 8)")
    parser.add_argument("--seconds", type=float, default=120, help="length of a film (default: 120)")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [
            measure_clip(name, path, [montage.Change("hard", k, k) for k in montage.CUTS[name]], args.runs)
            for name, path in sorted(montage.clips().items())
        ]
        for seed in range(FIRST_MONTAGE, FIRST_MONTAGE + args.montages):
            made = montage.montage(seed)
            for low in (False, True):
                path = folder / f"montage-{seed}-{'low' if low else 'good'}.mp4"
                montage.write(made, path, low=low)
                rows.append(measure_clip(path.stem, path, made.changes, args.runs))
        films = measure_films(range(FIRST_FILM, FIRST_FILM + args.films), args.seconds, folder)
    if args.json:
        print(json.dumps({"runs": args.runs, "clips": rows, "rendered": films}, indent=1))
        return
    print(f"{'clip':24} {'F1':>6} {'best peer':>9} {'x time':>6} {'x work':>6}  F1 of each peer")
    for row in rows:
        peers = " ".join(f"{name} {score:.3f}" for name, score in row["peers"].items())
        ratios = f"{row['times_its_time']:6.2f} {row['times_its_work']:6.2f}"
        print(f"{row['clip']:24} {row['f1']:6.3f} {row['best_peer']:9.3f} {ratios}  {peers}")
    print("rendered films:", json.dumps(films))


if __name__ == "__main__":
    main()
