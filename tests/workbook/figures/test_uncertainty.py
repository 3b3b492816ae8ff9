"""Drawings of uncertainty-aware optimisation: a schematic that is true, and scales by joint."""

import json

import numpy as np
import pytest

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15
from posekit.workbook import figures


def traces(figure):
    return {trace["name"]: trace for trace in json.loads(figure.to_json())["data"]}


def places(trace):
    return np.stack([trace["x"], trace["y"]], axis=-1)


def test_what_projects_to_one_place_lies_on_one_ray():
    drawn = traces(figures.optimisation_idea())
    for joint, seen in (
        ("joint, first prediction", "first projection, misses it"),
        ("joint, optimised", "keypoint, given"),
    ):
        (depth, height), (screen, place) = places(drawn[joint])[0], places(drawn[seen])[0]
        assert height / depth == pytest.approx(place / screen, abs=1e-3)


def test_the_optimised_joint_stays_where_the_network_expects_it():
    drawn = traces(figures.optimisation_idea())
    first = places(drawn["joint, first prediction"])
    circle = places(drawn["how far off the network expects to be"])
    radius = np.linalg.norm(circle - first, axis=1)
    assert np.ptp(radius) < 1e-3
    assert np.linalg.norm(places(drawn["joint, optimised"]) - first) < radius.min()


@pytest.mark.parametrize("skeleton", [HUMAN36M_17, HUMANEVA_15], ids=lambda skeleton: skeleton.name)
def test_every_joint_but_the_root_has_its_place(skeleton):
    names = sorted(skeleton.joint_names)  # as a file holds them
    scale = {joint: number + 1.0 for number, joint in enumerate(names)}
    errors = {joint: 2.0 * number + 3 for number, joint in enumerate(names)}
    drawn = traces(figures.scale_against_error(scale, errors, skeleton))
    shown = {
        name: (x, y)
        for trace in drawn.values()
        if trace["mode"] == "markers"
        for name, x, y in zip(trace["text"], trace["x"], trace["y"], strict=True)
    }
    assert shown == {
        joint: (scale[joint], errors[joint])
        for joint in names
        if joint != skeleton.joint_names[skeleton.root]
    }


def test_values_of_other_joints_are_refused():
    known = dict.fromkeys(HUMAN36M_17.joint_names, 1.0)
    with pytest.raises(InvalidData, match=r"^scale lacks .*expected one value for every joint"):
        figures.scale_against_error(dict.fromkeys(HUMANEVA_15.joint_names, 1.0), known, HUMAN36M_17)
