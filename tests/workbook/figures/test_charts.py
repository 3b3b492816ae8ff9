"""What a figure draws is what it was given: coordinates are read back from plotly's JSON."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17, SKELETONS
from posekit.workbook import figures
from posekit.workbook.figures.graphs import joint_places
from posekit.workbook.figures.motion import MOST_FRAMES, to_display
from posekit.workbook.figures.style import PLOTLY_MIME, SIDE_COLOURS
from posekit.workbook.notebooks import widgets

JOINTS = HUMAN36M_17.joints


def motion(frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(frames, JOINTS, 3, generator=generator)
    return target + 0.05 * torch.randn(frames, JOINTS, 3, generator=generator), target


def plain(figure: go.Figure) -> dict:
    return json.loads(figure.to_json())


def trace(traces: list[dict], name: str) -> dict:
    return next(item for item in traces if item.get("name") == name)


def points_of(segments: dict) -> np.ndarray:
    """(bones, 2, 3): start and end of every drawn segment."""
    axes = [np.array([value for value in segments[a] if value is not None]) for a in "xyz"]
    return np.stack(axes, axis=-1).reshape(-1, 2, 3)


def test_viewer_draws_the_poses_it_is_given() -> None:
    prediction, target = motion(5)
    figure = plain(figures.motion_viewer(prediction, target, HUMAN36M_17))
    names = [item.get("name") for item in figure["data"]]
    for number, frame in enumerate(figure["frames"]):
        joints = frame["data"][names.index("joints")]
        drawn = np.stack([joints[axis] for axis in "xyz"], axis=-1)
        np.testing.assert_allclose(drawn, to_display(prediction[number]), atol=0.5001e-4)
        truth = points_of(frame["data"][names.index("truth")])
        bones = np.array(HUMAN36M_17.bones)
        wanted = to_display(target[number])
        np.testing.assert_allclose(truth[:, 0], wanted[bones[:, 1]], atol=0.5001e-4)
        np.testing.assert_allclose(truth[:, 1], wanted[bones[:, 0]], atol=0.5001e-4)
        errors = 1000 * (prediction[number] - target[number]).norm(dim=-1)
        bars = frame["data"][names.index("error")]["y"]
        np.testing.assert_allclose(bars, errors, atol=0.051)
        assert f"{errors.mean():.1f} mm" in frame["name"]


def test_display_axes_are_right_away_and_up() -> None:
    camera = torch.tensor([1.0, 2.0, 3.0])  # 1 right, 2 down, 3 forward
    np.testing.assert_array_equal(to_display(camera), [1.0, 3.0, -2.0])


def test_left_and_right_limbs_keep_their_colours() -> None:
    prediction, target = motion(2)
    data = plain(figures.motion_viewer(prediction, target, HUMAN36M_17))["data"]
    for name in ("left", "right"):
        assert trace(data, name)["line"]["color"] == SIDE_COLOURS[name]
        bones = [bone for bone in HUMAN36M_17.bones if bone[0] in getattr(HUMAN36M_17, name)]
        starts = points_of(trace(data, name))[:, 0]
        wanted = to_display(prediction[0])[[parent for _, parent in bones]]
        np.testing.assert_allclose(starts, wanted, atol=0.5001e-4)


def test_long_clips_are_thinned_and_axes_hold_every_frame() -> None:
    prediction, target = motion(500)
    figure = plain(figures.motion_viewer(prediction, target, HUMAN36M_17))
    assert len(figure["frames"]) == MOST_FRAMES
    assert figure["frames"][0]["name"].startswith("0 ")
    assert figure["frames"][-1]["name"].startswith("499 ")
    everything = to_display(torch.cat([prediction, target])).reshape(-1, 3)
    scene = figure["layout"]["scene"]
    assert scene["aspectmode"] == "data"
    for axis, values in zip("xyz", everything.T, strict=True):
        low, high = scene[f"{axis}axis"]["range"]
        assert low < values.min()
        assert high > values.max()


def test_viewer_without_truth_has_no_errors() -> None:
    prediction, _ = motion(3)
    data = plain(figures.motion_viewer(prediction, None, HUMAN36M_17))["data"]
    assert {item.get("name") for item in data} == {"left", "right", "torso", "joints"}


@pytest.mark.parametrize("shape", [(3, JOINTS, 2), (3, 16, 3), (JOINTS, 3), (0, JOINTS, 3)])
def test_viewer_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidData, match=r"prediction has shape .* expected \(frames, 17, 3\)"):
        figures.motion_viewer(torch.zeros(shape), None, HUMAN36M_17)


def test_viewer_refuses_truth_of_another_length() -> None:
    with pytest.raises(InvalidData, match="differ"):
        figures.motion_viewer(motion(3)[0], motion(4)[1], HUMAN36M_17)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda item: item.name)
def test_graph_places_every_joint_apart_and_sides_mirrored(skeleton: object) -> None:
    places = joint_places(skeleton)
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(distances, 1)
    coincident = {tuple(sorted(pair)) for pair in np.argwhere(distances < 1e-9).tolist()}
    assert not coincident
    np.testing.assert_allclose(
        places[list(skeleton.left)], places[list(skeleton.right)] * [-1, 1], atol=1e-9
    )


def test_graph_shows_links_that_are_no_bones_and_bones_that_are_no_links() -> None:
    adjacency = np.zeros((JOINTS, JOINTS))
    for child, parent in HUMAN36M_17.bones[1:]:
        adjacency[child, parent] = 1
    adjacency[3, 6] = 0.5
    data = plain(figures.skeleton_graph(HUMAN36M_17, adjacency))["data"]
    lines = [item["line"] for item in data if item["mode"] == "lines"]
    assert [line["width"] for line in lines].count(1) == 1  # the bone left out
    assert [line.get("dash") for line in lines].count("dot") == 1  # the link added


def test_graph_refuses_an_adjacency_of_another_size() -> None:
    with pytest.raises(InvalidData, match=r"expected \(17, 17\)"):
        figures.skeleton_graph(HUMAN36M_17, np.zeros((16, 16)))


@pytest.mark.parametrize(("frames", "labels"), [(5, 5), (243, 10)])
def test_chain_names_first_and_last_frame(frames: int, labels: int) -> None:
    text = plain(figures.frame_chain(frames))["data"][1]["text"]
    assert (text[0], text[-1], len(text)) == ("0", str(frames - 1), labels)


def test_heat_map_keeps_the_matrix() -> None:
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    drawn = plain(figures.topology_heat_map(torch.tensor(matrix), list("abcd")))["data"][0]
    np.testing.assert_allclose(drawn["z"], matrix, atol=0.5001e-4)
    assert drawn["zmin"] == -drawn["zmax"]
    with pytest.raises(InvalidData, match="labels"):
        figures.topology_heat_map(matrix, list("abc"))


def test_pyramid_hangs_every_frame_on_the_one_that_stands_for_it() -> None:
    neighbours, middle, *levels = plain(figures.strided_pyramid(27))["data"]
    assert [len(level["x"]) for level in levels] == [27, 9, 3, 1]
    links = np.array([x for x in middle["x"] if x is not None]).reshape(-1, 2)
    assert len(links) == 9 + 3 + 1
    np.testing.assert_allclose(links[:, 0], links[:, 1])  # the middle one hangs straight
    assert len([x for x in neighbours["x"] if x is not None]) == 2 * 2 * len(links)
    with pytest.raises(InvalidData, match="power of 3"):
        figures.strided_pyramid(54)


def test_grid_of_heat_maps_keeps_the_matrices_and_a_scale_for_each_column() -> None:
    matrices = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    columns = {"fixed": np.abs(matrices[0]), "learned, B": 0.01 * matrices[1]}
    data = plain(figures.heat_map_grid(columns, ("x", "y", "z"), list("abcd")))["data"]
    assert len(data) == 6
    drawn = np.array([item["z"] for item in data]).reshape(2, 3, 4, 4)
    np.testing.assert_allclose(drawn, list(columns.values()), atol=0.5001e-5)
    assert len({(item["zmin"], item["zmax"]) for item in data}) == 2
    with pytest.raises(InvalidData, match=r"fixed has shape .* expected \(2, 4, 4\)"):
        figures.heat_map_grid(columns, ("x", "y"), list("abcd"))


def test_charts_keep_their_values() -> None:
    errors = np.arange(JOINTS, dtype=float)
    bars = plain(figures.error_per_joint({"a": errors, "b": errors + 1}, HUMAN36M_17))["data"]
    assert [item["y"] for item in bars] == [list(errors), list(errors + 1)]
    (curve,) = figures.learning_curves({"a": ([5, 10], [3.0, 2.0])}).axes[0].lines
    assert (list(curve.get_xdata()), list(curve.get_ydata())) == ([5, 10], [3.0, 2.0])
    effects = plain(figures.protocol_effects({"as is": 45.0, "no flip": 46.5}, start="as is"))
    assert effects["data"][0]["x"] == [45.0, 46.5]
    printed = [item["text"] for item in effects["layout"]["annotations"]]
    assert printed == ["as is: 45.0 mm", "no flip: 46.5 mm (+1.5)"]
    columns = {"published": {"a": -0.8}, "this run": {"a": 0.4}}
    rows = plain(figures.published_vs_measured(columns, baseline="b"))["data"]
    assert [(item["name"], item["y"]) for item in rows] == [
        ("published", [-0.8]),
        ("this run", [0.4]),
    ]


def test_charts_refuse_what_does_not_fit() -> None:
    with pytest.raises(InvalidData, match=r"expected \(17,\)"):
        figures.error_per_joint({"a": np.zeros(16)}, HUMAN36M_17)
    with pytest.raises(InvalidData, match="expected one of: a"):
        figures.protocol_effects({"a": 1.0}, start="b")


def test_strip_is_sound_svg_with_every_bone() -> None:
    prediction, target = motion(20)
    svg = ElementTree.fromstring(
        figures.pose_strip(prediction, HUMAN36M_17, target=target, poses=4)
    )
    assert svg.get("aria-label")
    assert len(svg) == 4 * 2 * len(HUMAN36M_17.bones)


def test_show_carries_the_alternative_text(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(
        "posekit.workbook.figures.style.display",
        lambda *args, **options: shown.append((args, options)),
    )
    figures.show(figures.frame_chain(3), alt="Three frames in a chain.")
    (bundle,), options = shown[0]
    assert bundle["text/plain"] == "Three frames in a chain."
    assert options["metadata"][PLOTLY_MIME]["alt"] == "Three frames in a chain."
    assert len(bundle[PLOTLY_MIME]["data"]) == 2


def test_viewer_redraws_for_every_choice() -> None:
    clips = {"first": motion(3), "second": motion(4)}
    browser = widgets.motion_browser(clips, HUMAN36M_17)
    (clip, content, turn), screen = browser.children[0].children, browser.children[1]

    def drawn() -> dict:
        return screen.outputs[0]["data"][PLOTLY_MIME]

    assert len(drawn()["frames"]) == 3
    clip.value = "second"
    assert len(drawn()["frames"]) == 4
    before = drawn()["layout"]["scene"]["camera"]["eye"]
    turn.value = 45
    assert drawn()["layout"]["scene"]["camera"]["eye"] != before
    content.value = "joints"
    wanted = 1000 * (clips["second"][0] - clips["second"][1]).norm(dim=-1).mean(dim=0)
    np.testing.assert_allclose(drawn()["data"][0]["y"], wanted, atol=0.0051)


def test_viewer_needs_clips() -> None:
    with pytest.raises(InvalidData, match="no clips"):
        widgets.motion_browser({}, HUMAN36M_17)


def test_widget_and_its_static_twin_travel_together(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(
        "posekit.workbook.notebooks.widgets.display", lambda bundle, **_: shown.append(bundle)
    )
    widgets.view_clips({"clip": motion(3)}, HUMAN36M_17, alt="One clip.")
    assert set(shown[0]) >= {
        "application/vnd.jupyter.widget-view+json",
        PLOTLY_MIME,
        "text/plain",
    }
    assert len(shown[0][PLOTLY_MIME]["frames"]) == 3


POINTS = [
    figures.TradeOff(None, 27, flops=0.1, seconds=0.010, error=70.0),
    figures.TradeOff(1, 9, flops=0.05, seconds=0.008, error=72.0),
    figures.TradeOff(2, 9, flops=0.06, seconds=0.009, error=71.5),
    figures.TradeOff(2, 3, flops=0.055, seconds=0.007, error=73.0),
]


def test_hourglass_is_as_high_as_the_frames_of_each_step() -> None:
    drawn = plain(figures.hourglass(frames=27, tokens=9, depth=4, prune_at=1))["data"]
    heights = {
        (bar["name"], place): y
        for bar in drawn
        for place, y in zip(bar["x"], bar["y"], strict=True)
    }
    assert heights["all 27 frames", "step 1"] == 27
    assert [heights["9 kept frames (TPC)", f"step {step}"] for step in (2, 3, 4)] == [9] * 3
    assert heights["all 27 again (TRA)", "recovery"] == 27
    assert all(
        base == -y / 2 for bar in drawn for base, y in zip(bar["base"], bar["y"], strict=True)
    )
    with pytest.raises(InvalidData, match="expected at most all frames"):
        figures.hourglass(frames=27, tokens=28, depth=4, prune_at=1)


def test_timeline_draws_scores_and_kept_frames() -> None:
    density, distance = np.array([1.0, 0.5, 0.9, 0.8]), np.array([0.2, 0.4, 0.1, 0.3])
    drawn = plain(figures.kept_frames(density, distance, {"TPC": [0, 3], "uniform": [1, 2]}))
    traces = drawn["data"]
    np.testing.assert_allclose(trace(traces, "score ρδ")["y"], density * distance)
    assert [item["x"] for item in traces[-2:]] == [[0, 3], [1, 2]]
    with pytest.raises(InvalidData, match="expected frames 0 to 3"):
        figures.kept_frames(density, distance, {"TPC": [4]})


def test_buttons_of_the_trade_off_show_one_cost_at_a_time() -> None:
    figure = plain(figures.trade_off(POINTS))
    buttons = figure["layout"]["updatemenus"][0]["buttons"]
    for button, cost in zip(buttons, ("flops", "seconds"), strict=True):
        shown = [
            item
            for item, visible in zip(figure["data"], button["args"][0]["visible"], strict=True)
            if visible and item.get("name") in ("host", "n = 1", "n = 2")
        ]
        drawn = [x for item in shown for x in item["x"]]
        ordered = [POINTS[0], POINTS[1], POINTS[3], POINTS[2]]  # by n, then by f
        np.testing.assert_allclose(drawn, [1000 * getattr(point, cost) for point in ordered])


def test_slider_of_the_trade_off_moves_both_rings_from_the_dearest_to_the_cheapest() -> None:
    figure = plain(figures.trade_off(POINTS))
    steps = figure["layout"]["sliders"][0]["steps"]
    moved, rings = steps[-1]["args"]
    assert moved == {"x": [[50.0], [8.0]], "y": [[72.0], [72.0]]}
    assert all(figure["data"][ring]["marker"]["symbol"] == "circle-open" for ring in rings)
    assert steps[0]["label"].startswith("host: 100 MFLOPs, 10 ms")
    assert steps[-1]["label"] == "n=1 f=9: 50% FLOPs, 80% time, +2.0 mm"


def test_a_trade_off_needs_its_host() -> None:
    with pytest.raises(InvalidData, match="0 of 3 points are the host"):
        figures.trade_off(POINTS[1:])


def test_explorer_rings_the_choice_and_says_what_was_not_run() -> None:
    explorer = widgets.trade_off_explorer(POINTS)
    (steps, kept, axis), said, screen = explorer.children[0].children, *explorer.children[1:]

    def ring() -> list[dict]:
        drawn = screen.outputs[0]["data"][PLOTLY_MIME]["data"]
        return [item for item in drawn if item.get("visible") and "open" in str(item["marker"])]

    steps.value, kept.value = 2, 3
    assert (ring()[0]["x"], ring()[0]["y"]) == ([55.0], [73.0])
    axis.value = "seconds"
    assert ring()[0]["x"] == [7.0]
    assert "+3.0 mm" in said.value
    steps.value = 1
    assert said.value == "n = 1, f = 3 was not run; with n = 1 there is f = 9."


def test_explorer_and_its_static_twin_travel_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = []
    monkeypatch.setattr(
        "posekit.workbook.notebooks.widgets.display", lambda bundle, **_: shown.append(bundle)
    )
    widgets.explore_trade_off(POINTS, alt="Four points.")
    assert "application/vnd.jupyter.widget-view+json" in shown[0]
    assert shown[0][PLOTLY_MIME]["layout"]["sliders"]
    widgets.explore_trade_off([], alt="No points.")
    assert len(shown) == 1
    assert "No network was run" in capsys.readouterr().out
