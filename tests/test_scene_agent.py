"""The agent in scenes: measured by the pocket model's eyes, cited in boxes of two views, and checked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightloop import LlavaNext, View, VisualAgent
from sightloop.agent import Limits, Result
from sightloop.agent.chat_brain import ChatBrain
from sightloop.agent.scene_tools import SCENE_TOOLS
from sightloop.agent.steps import ObservationStep, PlanStep
from sightloop.agent.trace import diff, replay
from sightloop.errors import ApprovalNeeded, EvidenceError, InputError, SceneError
from sightloop.memory import Box
from sightloop.memory.sources.scenes import open_scene
from sightloop.tools.scene_worlds import BOTH

from .command import Sightloop, in_process
from .on_a_table import SOLIDS, apart, write_table
from .scripted_chat import calling, scripted_chat

HOW_FAR = "How far is the red block from the blue ball?"


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("scenes") / "scan")


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


@pytest.fixture(scope="module")
def agent(eyes: LlavaNext) -> VisualAgent:
    return VisualAgent(eyes)


@pytest.fixture(scope="module")
def measured(agent: VisualAgent, scan: Path) -> Result:
    return agent.run(HOW_FAR, scan)


@pytest.fixture
def sightloop(capsys: pytest.CaptureFixture[str]) -> Sightloop:
    return in_process(capsys)


def tools(result: Result) -> list[str]:
    return [step.tool for step in result.steps if isinstance(step, ObservationStep)]


# ---------------------------------------------------------------- answers


def test_a_distance_is_in_metres_with_an_interval_that_holds_the_truth(measured: Result) -> None:
    assert tools(measured) == ["measure"]
    first = measured.measures[0]
    truth = apart("red block", "blue ball")
    assert first.kind == "distance"
    assert first.unit == "m"
    assert first.value == pytest.approx(truth, rel=0.05)
    assert first.low is not None
    assert first.high is not None
    assert first.low <= truth <= first.high
    assert " m" in measured.answer


def test_it_rests_on_boxes_in_two_views_of_each_thing_which_are_confirmed(
    measured: Result, scan: Path
) -> None:
    scene = open_scene(scan)
    for name in ("red block", "blue ball"):
        (placed,) = [one for one in measured.objects if one.name == name]
        centre = SOLIDS[name].centre
        assert np.linalg.norm(np.subtract(placed.centre, centre)) < 0.1
        cited = [item for item in measured.evidence if item.claim.startswith(name)]
        assert len({item.still.origin.camera for item in cited if isinstance(item.still.origin, View)}) == 2
        for item in cited:
            assert item.verdict == "confirmed"
            assert isinstance(item.region, Box)
            assert isinstance(item.still.origin, View)
            (pixel,), _ = scene.view(item.still.origin.camera).camera.project([centre])
            assert item.region.x0 < pixel[0] < item.region.x1
            assert item.region.y0 < pixel[1] < item.region.y1
            assert item.reopen().size == (
                item.region.x1 - item.region.x0,
                item.region.y1 - item.region.y0,
            )


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many blocks are there in all?", "2"),
        ("How many things are there?", "3"),
        ("How many black blocks are there in all?", "0"),
    ],
)
def test_the_same_thing_in_eight_views_counts_once(
    agent: VisualAgent, scan: Path, question: str, answer: str
) -> None:
    result = agent.run(question, scan)
    assert result.measures[0].value == int(answer)
    assert answer in result.answer


def test_noisy_poses_and_depths_with_holes_widen_what_is_said(
    agent: VisualAgent, measured: Result, tmp_path: Path
) -> None:
    folder = write_table(tmp_path / "scan", BOTH)
    first, clean = agent.run(HOW_FAR, folder).measures[0], measured.measures[0]
    assert first.low is not None
    assert first.high is not None
    assert clean.low is not None
    assert clean.high is not None
    assert first.low <= apart("red block", "blue ball") <= first.high
    assert first.high - first.low > clean.high - clean.low
    # What hides behind holes in the depth of one thing is not taken for the colour of another.
    assert agent.run("How many red things are there in all?", folder).measures[0].value == 1


def test_what_is_not_there_gets_words_and_no_number(agent: VisualAgent, scan: Path) -> None:
    result = agent.run("How far is the yellow ball from the red block?", scan)
    assert "no yellow ball" in result.answer
    assert not any(character.isdigit() for character in result.answer.split("views")[0].split("in the")[0])
    assert not [measure for measure in result.measures if measure.value is not None]
    assert {item.claim for item in result.evidence} == {"no yellow ball"}
    assert all(item.verdict == "confirmed" for item in result.evidence)


def test_anything_else_is_looked_at_in_chosen_views_by_their_numbers(agent: VisualAgent, scan: Path) -> None:
    result = agent.run("What would you do next?", scan)
    assert tools(result) == ["views", "look"]
    names = {picture.name for picture in result.pictures}
    assert names == {f"view {number}" for number in range(1, 9)}
    (chosen, _) = [step for step in result.steps if isinstance(step, ObservationStep)]
    assert "turned" in chosen.text


def test_a_run_in_a_scene_is_json_and_replays(agent: VisualAgent, measured: Result, tmp_path: Path) -> None:
    assert Result.model_validate_json(measured.model_dump_json()) == measured
    again = replay(agent, Result.open(measured.save(tmp_path / "run")))
    assert diff(measured, again) == ()


def test_a_conversation_stays_in_the_scene(agent: VisualAgent, scan: Path) -> None:
    agent.run(HOW_FAR, scan, thread="scene")
    result = agent.run("How tall is the green block?", thread="scene")
    assert result.measures[0].value == pytest.approx(0.66, abs=0.05)
    (plan,) = [step for step in result.steps if isinstance(step, PlanStep)]
    assert plan.scene == str(scan)
    assert plan.views == 8


def test_a_run_that_waits_for_a_person_goes_on_in_its_scene(eyes: LlavaNext, scan: Path) -> None:
    agent = VisualAgent(eyes, approve=["measure"])
    with pytest.raises(ApprovalNeeded) as waits:
        agent.run(HOW_FAR, scan)
    assert waits.value.tool == "measure"
    assert agent.resume(waits.value.thread).measures[0].unit == "m"


# ---------------------------------------------------------------- limits, and what goes wrong


def test_limits_hold_in_scenes(eyes: LlavaNext, scan: Path) -> None:
    short = VisualAgent(eyes, limits=Limits(steps=1)).run(HOW_FAR, scan)
    assert short.stopped_because == "limit:steps"
    assert {item.verdict for item in short.evidence} == {"unverified"}
    with pytest.raises(InputError, match="limit of 50"):
        VisualAgent(eyes, limits=Limits(visual_tokens=50)).run(HOW_FAR, scan)


def test_evidence_whose_file_has_changed_is_not_confirmed(agent: VisualAgent, tmp_path: Path) -> None:
    result = agent.run(HOW_FAR, write_table(tmp_path / "scan"))
    item = result.evidence[0]
    assert isinstance(item.still.origin, View)
    Image.new("RGB", (384, 384)).save(tmp_path / "scan" / item.still.origin.camera)
    with pytest.raises(EvidenceError, match="other pixels"):
        item.reopen()


def test_a_scene_comes_alone_and_is_not_compared(agent: VisualAgent, scan: Path, picture: Path) -> None:
    with pytest.raises(InputError, match="asked about alone"):
        agent.run(HOW_FAR, [scan, picture])
    with pytest.raises(SceneError, match="view"):
        agent.run("Is the red block left of the blue ball seen from view 12?", scan)


def test_without_depth_and_without_parallax_nothing_is_measured(agent: VisualAgent, tmp_path: Path) -> None:
    folder = write_table(tmp_path / "scan")
    data = json.loads((folder / "scene.json").read_text())
    for view in data["views"]:
        del view["depth"]
    data["views"] = data["views"][:1]
    (folder / "scene.json").write_text(json.dumps(data))
    with pytest.raises(SceneError):
        agent.run(HOW_FAR, folder)


def test_a_scene_without_scale_says_so(agent: VisualAgent, tmp_path: Path) -> None:
    folder = write_table(tmp_path / "scan")
    data = json.loads((folder / "scene.json").read_text())
    (folder / "scene.json").write_text(json.dumps({**data, "metric": False}))
    result = agent.run(HOW_FAR, folder)
    assert result.measures[0].unit == "scene units"
    assert "scene units" in result.answer
    assert any("scale" in note for note in result.notes)


def test_views_that_cannot_be_read_are_reported_and_the_rest_is_used(
    agent: VisualAgent, tmp_path: Path
) -> None:
    folder = write_table(tmp_path / "scan")
    (folder / "view3.png").unlink()
    result = agent.run(HOW_FAR, folder)
    assert any("view3.png" in note for note in result.notes)
    assert result.measures[0].value == pytest.approx(apart("red block", "blue ball"), rel=0.06)


def test_a_chat_model_measures_by_tool_calls_and_sees_chosen_views(eyes: LlavaNext, scan: Path) -> None:
    model = scripted_chat(
        calling(("views", {"count": 2})),
        calling(("measure", {"question": "How tall is the red block?"})),
        calling(("measure", {"question": "What a nice room?"})),
        "The red block is 0.68 m high.",
    )
    result = VisualAgent(eyes, brain=ChatBrain(model)).run("Tell me about the red block.", scan)
    offered = {tool["function"]["name"] for tool in model.tools}
    assert {tool.name for tool in SCENE_TOOLS} == {"measure", "views"} <= offered
    assert "find" not in offered
    assert "3D scene of 8 posed views" in str(model.told[0])
    blocks = [block for message in model.told[1] for block in message.content_blocks]
    assert len([block for block in blocks if block["type"] == "image"]) == 2
    views, measured, refused = [step for step in result.steps if isinstance(step, ObservationStep)]
    assert len(views.pictures) == 2
    assert len(measured.pictures) == 3  # two views with labels, and the map
    assert "from above" in measured.text
    assert measured.survey is not None
    assert measured.survey.measures[0].value == pytest.approx(0.68, abs=0.05)
    assert refused.failed
    assert result.answer == "The red block is 0.68 m high."


def test_without_a_scene_nothing_is_offered_that_needs_one(eyes: LlavaNext, picture: Path) -> None:
    model = scripted_chat("a picture")
    VisualAgent(eyes, brain=ChatBrain(model)).run("What is this?", picture)
    assert not {"measure", "views"} & {tool["function"]["name"] for tool in model.tools}


# ---------------------------------------------------------------- the command line


def test_ask_with_a_scene_writes_json_a_page_and_a_recording(
    sightloop: Sightloop, scan: Path, tmp_path: Path
) -> None:
    page, recording = tmp_path / "out.html", tmp_path / "out.rrd"
    ran = sightloop("ask", HOW_FAR, "--scene", scan, "--json", "--report", page, "--rerun", recording)
    assert ran.code == 0
    assert ran.json["measures"][0]["unit"] == "m"
    assert "red block" in page.read_text(encoding="utf-8")
    assert recording.read_bytes()[:4] == b"RRF2"


def test_ask_shows_people_where_things_are(sightloop: Sightloop, scan: Path) -> None:
    ran = sightloop("ask", HOW_FAR, scan)  # the folder is known for a scene
    assert ran.code == 0
    for part in ("object 1", " m, in ", "measured ", "rests on", "view", "confirmed"):
        assert part in ran.out


def test_scene_info_tells_a_wrong_unit_from_a_right_one(
    sightloop: Sightloop, scan: Path, tmp_path: Path
) -> None:
    right = sightloop("scene", "info", scan, "--json").json
    assert right["consistency"]["fits"]
    assert right["consistency"]["depth_rel"] < 0.01
    assert right["consistency"]["colour"] < right["consistency"]["colour_shuffled"]
    folder = shutil.copytree(scan, tmp_path / "scan")
    data = json.loads((folder / "scene.json").read_text())
    (folder / "scene.json").write_text(json.dumps({**data, "depth_scale": 2500}))
    wrong = sightloop("scene", "info", folder, "--json").json
    assert not wrong["consistency"]["fits"]
    assert "sightloop" not in sightloop("scene", "info", scan).err


@pytest.mark.parametrize("command", [("ask", HOW_FAR, "--scene"), ("scene", "info")])
def test_what_is_no_scene_is_refused_before_a_model_is_loaded(
    sightloop: Sightloop, tmp_path: Path, command: tuple[str, ...]
) -> None:
    ran = sightloop(*command, tmp_path, "--json")
    assert ran.code == 2
    assert ran.error["type"] == "SceneError"
    assert ran.error["input"] == str(tmp_path)
