"""The rows of a matrix: each source matched or not, options that are given kept as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import InvalidParameter
from posekit.models import MODELS, network
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies.matrix_rows import matrix_paper, scaling

LIFTERS = [name for name in MODELS if not network(name).samples]


def scaled(lifter: str, given_options: dict[str, object], profile: str) -> dict[str, object]:
    options, at = scaling(lifter, given_options, profile)
    assert at.name == profile
    return network(lifter).scaled(options, at.scale)


def test_there_is_a_row_for_every_source_and_way_of_matching() -> None:
    sources = ("synthetic", "synthetic_3dhp_rig")
    paper = matrix_paper("mixste", sources, (False, True), {"keypoints": "gt", "frames": 9})
    runs = {
        (row.variant["source"], row.variant["matched"]): row.run
        for row in paper.table("matrix").rows
    }
    assert {(source, matched): run.settings["gpa"] for (source, matched), run in runs.items()} == {
        (source, matched): "full" if matched else "none"
        for source in sources
        for matched in (False, True)
    }
    for (source, _), run in runs.items():
        assert (run.model, run.settings["source"], run.settings["frames"]) == ("mixste", source, 9)
        assert run.settings["lpa"] is False
    assert len({row.path for row in paper.rows}) == 4


@pytest.mark.parametrize("lifter", LIFTERS)
def test_every_lifter_has_options_that_build_it_when_scaled(lifter: str) -> None:
    published, _ = scaling(lifter, {}, "quick")
    smaller = scaled(lifter, {}, "smoke")
    assert set(smaller) == set(published)
    if "embed_dim" in published:
        assert smaller["embed_dim"] < published["embed_dim"]
    assert smaller["frames"] <= published["frames"]
    assert smaller["in_channels"] == 2  # projected keypoints have no confidence


@given(
    given_options=st.fixed_dictionaries(
        {},
        optional={
            "frames": st.sampled_from([1, 9, 27]),
            "embed_dim": st.sampled_from([16, 64]),
            "depth": st.integers(1, 8),
            "heads": st.sampled_from([2, 4, 8]),
        },
    ),
    profile=st.sampled_from([*PROFILES]),
)
def test_given_options_are_kept_and_the_others_scaled(
    given_options: dict[str, int], profile: str
) -> None:
    found = scaled("mixste", given_options, profile)
    assert {name: found[name] for name in given_options} == given_options
    alone = scaled("mixste", {}, profile)
    for name in {"frames", "embed_dim", "depth"} - set(given_options):
        if name != "embed_dim" or "heads" not in given_options:
            assert found[name] == alone[name]


def test_a_plug_in_takes_its_hosts_options() -> None:
    found = scaled("hot", {"host": "ktpformer", "kpa": False, "frames": 27}, "quick")
    assert (found["host"], found["kpa"], found["frames"]) == ("ktpformer", False, 27)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"frame": 9}, "mixste has no option 'frame'"),
        ({"frames": "nine"}, "expected int"),
        ({"frames": 0}, "it counts from 1"),
    ],
)
def test_other_options_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidParameter, match=said):
        scaling("mixste", options, "quick")
