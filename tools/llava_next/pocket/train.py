"""Train the pocket model from nothing, or tune one: ``python -m sightloop.tools.llava_next.pocket.train``.

One process a core, gradients averaged by gloo. A vision warm-up on crowded sheets, then questions, with a
curriculum that gives most room to what is not yet known; in the last part of the time the step size falls to
nothing, and then the confidences are calibrated. With ``--from`` it starts from weights that know most kinds
of worlds: instead of the warm-up the heads learn alone, then all at a part of the step size, which falls from
the start. Checkpoints every few minutes; the same command goes on from the last one.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn

from . import model as pocket
from .calibrate import calibrate
from .curriculum import Curriculum
from .muon import Muon
from .network import Retrieval, Trainee, answer_loss, dense_loss, initialise, right, vision_loss
from .packing import CHANNELS, SUBJECT_CHANNELS, Batch, Packer, pages, tiles
from .things import draw, random_sheet

PEAK, MUON_PEAK = 0.8e-3, 0.006
WARM_UP = 0.03
"""Share of the time for vision alone."""
FALL = 0.65
"""Share of the time, at the end, in which the step size falls to zero."""
TUNING = 0.3
"""Share of the peak step size with which tuning begins; the whole of it undoes what its fall had brought."""
HEADS_ALONE, HEADS_SHARE = 250, 4.0
"""Steps of tuning in which the heads learn alone, as they start from nothing, and their share of the peak."""
MEMORY, TUNING_MEMORY = 0.998, 0.99
"""How slowly the averaged weights, which are those that are kept, follow; tuning takes fewer steps."""
PAGES, PAGES_EVERY = 3, 4
"""How many pages of characters the tower sees beside a batch of questions, and beside which of them."""
CHECKPOINT_SECONDS = 150
RUNS = Path("runs/pocket")


class Optimisers:
    """Muon for the matrices of the layers (Jordan et al. 2024), AdamW for everything else."""

    def __init__(self, trainee: Trainee, rank: int, ranks: int, dtype: torch.dtype) -> None:
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, p in trainee.named_parameters():
            layer = ".layers." in name or "multi_modal_projector" in name
            (matrices if layer and p.ndim == 2 else rest).append(p)
        decay, plain = [p for p in rest if p.ndim > 1], [p for p in rest if p.ndim <= 1]
        self.muon = Muon(matrices, MUON_PEAK, dtype=dtype, rank=rank, ranks=ranks)
        groups = [{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
        self.adam = torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.98), fused=True)

    def step(self, share: float) -> None:
        """Take one step at ``share`` of the peak step sizes."""
        for optimiser, peak in ((self.muon, MUON_PEAK), (self.adam, PEAK)):
            for group in optimiser.param_groups:
                group["lr"] = peak * share
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """Return what :meth:`load` restores."""
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of an earlier run."""
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])


def step_size(progress: float, step: int, tuning: bool = False) -> float:
    """Share of the peak: a short rise, a plateau, a straight fall over the last FALL of the time.

    In tuning the fall takes all of the time, and its height is TUNING.
    """
    peak, fall = (TUNING, 1.0) if tuning else (1.0, FALL)
    return peak * min(1.0, (step + 1) / 60) * min(1.0, max(0.0, (1 - progress) / fall))


class Run:
    """One rank of a training run.

    Parameters
    ----------
    rank, ranks : this process, and how many there are
    out : folder of the run; if it has a checkpoint, the run goes on from there
    minutes : of training
    seed : of weights and worlds
    batch : worlds a step
    start : folder of the model to tune; from random weights if None
    fused : compile the layers, where there is a compiler
    """

    def __init__(
        self,
        rank: int,
        ranks: int,
        out: Path,
        minutes: float,
        seed: int,
        batch: int,
        start: Path | None = None,
        fused: bool = True,
    ) -> None:
        self.rank, self.ranks, self.out, self.minutes, self.batch, self.seed = (
            rank,
            ranks,
            out,
            minutes,
            batch,
            seed,
        )
        torch.manual_seed(seed)
        self.tuning = start is not None
        core = self._initial(seed) if start is None else pocket.load(start)
        self.trainee = Trainee(core)
        self.bf16 = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        exact = torch.bfloat16 if self.bf16 else torch.float32
        self.optimisers = Optimisers(self.trainee, rank, ranks, exact)
        self.average = torch.optim.swa_utils.AveragedModel(
            core, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(TUNING_MEMORY if start else MEMORY)
        )
        self.curriculum, self.retrieval, self.pack = Curriculum(self.tuning), Retrieval(), Packer()
        self.step, self.spent, self.clock, self.means = 0, 0.0, time.monotonic(), dict[str, float]()
        if (out / "checkpoint.pt").exists():
            self._resume()
        if fused:
            self._compile(core)

    @staticmethod
    def _initial(seed: int) -> Any:
        """Make a model of random weights, its patch embedding fitted to some sheets."""
        core, rng = pocket.build(), random.Random(seed)
        sheets = [draw(random_sheet(rng, writing=0.5)) for _ in range(120)]
        initialise(core, torch.cat([tiles(s, "anyres") for s in sheets]), seed)
        return core

    @staticmethod
    def _compile(core: Any) -> None:
        """Fuse the layers' elementwise work, where there is a compiler: half of the time of a step."""
        if shutil.which("g++") or shutil.which("clang++"):
            for layer in core.model.language_model.layers:
                layer.compile(dynamic=False)
            tower = core.model.vision_tower
            for layer in getattr(tower, "vision_model", tower).encoder.layers:
                layer.compile(dynamic=True)

    def _resume(self) -> None:
        state = torch.load(self.out / "checkpoint.pt", weights_only=True)
        self.trainee.load_state_dict(state["trainee"])
        self.average.load_state_dict(state["average"])
        self.optimisers.load(state["optimisers"])
        self.curriculum.known = state["known"]
        self.step, self.spent = state["step"], state["spent"]

    def save(self) -> None:
        """Write the checkpoint, whole or not at all, and the averaged weights as a model folder."""
        if self.rank:
            return
        state = {
            "trainee": self.trainee.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": self.optimisers.state(),
            "known": self.curriculum.known,
            "step": self.step,
            "spent": self.spent,
        }
        torch.save(state, self.out / "checkpoint.new")
        (self.out / "checkpoint.new").replace(self.out / "checkpoint.pt")
        average: Any = self.average.module
        pocket.save(average, self.out / "model")

    @property
    def progress(self) -> float:
        """Share of the time that is spent, 0 to 1."""
        return min(1.0, self.spent / (60 * self.minutes))

    def one_step(self) -> dict[str, float]:
        """Draw a batch and learn from it, with gradients and time averaged over ranks; return the losses."""
        shared, own = (
            random.Random(f"{self.seed}/{self.step}"),
            random.Random(f"{self.seed}/{self.step}/{self.rank}"),
        )
        warm = self.progress < WARM_UP and not self.tuning
        heads_alone = self.tuning and self.step < HEADS_ALONE
        batch = self.curriculum.draw(self.progress, shared, own, self.pack, self.batch, crowded=warm)
        self.trainee.core.requires_grad_(not heads_alone)  # they are not kept, and new ones teach it nothing
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            losses = self._warm_losses(batch) if warm else self._losses(batch, own)
        loss = torch.stack(list(losses.values())).sum()
        loss.backward()
        found = {name: float(value.detach()) for name, value in losses.items()}
        for name, value in found.items():
            self.means[name] = 0.98 * self.means.get(name, value) + 0.02 * value
        self._agree()
        nn.utils.clip_grad_norm_(self.trainee.parameters(), 1.0)
        self.optimisers.step(HEADS_SHARE if heads_alone else step_size(self.progress, self.step, self.tuning))
        if not (warm or heads_alone):
            self.average.update_parameters(self.trainee.core)
        self.step += 1
        return found

    def _warm_losses(self, batch: Batch) -> dict[str, Tensor]:
        seen = self.trainee.see(batch.pixels.flatten(0, 1))
        return {"patch": vision_loss(self.trainee.patch_head(seen), batch.patches)}

    def _losses(self, batch: Batch, rng: random.Random) -> dict[str, Tensor]:
        fade = 1 - 0.7 * self.progress
        out = self.trainee(batch)
        losses = {
            "answer": answer_loss(out.logits, batch),
            "patch": fade * vision_loss(out.patch, batch.patches),
            "token": fade * dense_loss(out.token, batch.tokens, tuple(CHANNELS)),
            "subject": fade * dense_loss(out.subject, batch.subjects, SUBJECT_CHANNELS),
        }
        if self.step % PAGES_EVERY == 0:
            pixels, characters = pages(rng, PAGES)
            losses["page"] = fade * vision_loss(self.trainee.patch_head(self.trainee.see(pixels)), characters)
        if batch.stills and batch.texts:
            losses["retrieval"] = 0.15 * self.retrieval(batch, out.hidden, self.trainee.temperature)
        self.curriculum.learned(right(out.logits, batch))
        return losses

    def _agree(self) -> None:
        """Average gradients and the clock over the ranks, in one message."""
        seconds, self.clock = time.monotonic() - self.clock, time.monotonic()
        parameters = [p for p in self.trainee.parameters() if p.requires_grad]
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        if self.ranks > 1:
            flat = torch.cat([g.flatten() for g in grads] + [torch.tensor([seconds])])
            torch.distributed.all_reduce(flat)
            flat /= self.ranks
            seconds = float(flat[-1])
            for p, g in zip(parameters, flat[:-1].split([p.numel() for p in parameters]), strict=True):
                p.grad = g.view_as(p)
        self.spent += seconds

    def report(self) -> dict[str, Any]:
        """Return one line of the log."""
        known = {k: round(100 * v) for k, v in sorted(self.curriculum.known.items())}
        return {
            "minutes": round(self.spent / 60, 1),
            "step": self.step,
            "losses": {k: round(v, 3) for k, v in self.means.items()},
            "known": known,
        }

    def go(self) -> None:
        """Train to the end of the time."""
        from rich.progress import Progress, TimeElapsedColumn, TimeRemainingColumn

        self.clock = time.monotonic()
        bar = Progress(
            *Progress.get_default_columns()[:3],
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            disable=bool(self.rank),
        )
        saved = noted = time.monotonic()
        parent = os.getppid()
        with bar:
            task = bar.add_task("training", total=60 * self.minutes, completed=round(self.spent))
            while self.progress < 1:
                if self.ranks > 1 and os.getppid() != parent:
                    raise SystemExit("the process that started this one is gone")
                self.one_step()
                bar.update(task, completed=self.spent)
                if time.monotonic() - noted > 20 and not self.rank:
                    noted = time.monotonic()
                    with (self.out / "log.jsonl").open("a") as log:
                        log.write(json.dumps(self.report()) + "\n")
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self.save()
                    saved = time.monotonic()
        self.save()


def _rank(rank: int, ranks: int, out: str, minutes: float, seed: int, batch: int, start: Path | None) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    if ranks > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{out}/meeting", rank=rank, world_size=ranks
        )
    Run(rank, ranks, Path(out), minutes, seed, batch, start).go()
    if ranks > 1:
        torch.distributed.destroy_process_group()


def main(
    out: Annotated[Path, typer.Option(help="folder of the run: checkpoint.pt, model/, log.jsonl")] = RUNS,
    minutes: Annotated[float, typer.Option(help="training time, interruptions not counted")] = 175,
    processes: Annotated[int, typer.Option(min=1, help="one for each core")] = os.cpu_count() or 1,
    batch: Annotated[int, typer.Option(min=1, help="worlds a step and process")] = 8,
    seed: Annotated[int, typer.Option(help="of weights and worlds")] = 0,
    start: Annotated[
        Path | None,
        typer.Option("--from", help="folder of weights to tune; trained from nothing if left out"),
    ] = None,
) -> None:
    """Train the pocket model, or go on where a run in the same folder stopped."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "meeting").unlink(missing_ok=True)
    arguments = (processes, str(out.resolve()), minutes, seed, batch, start)
    if processes == 1:
        _rank(0, *arguments)
    else:
        torch.multiprocessing.spawn(_rank, arguments, nprocs=processes)  # type: ignore[attr-defined,no-untyped-call]
    typer.echo(f"calibrating {out / 'model'}: {json.dumps(calibrate(out / 'model'))}")


if __name__ == "__main__":
    typer.run(main)
