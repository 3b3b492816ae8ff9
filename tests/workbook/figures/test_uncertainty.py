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
    scale, errors = np.arange(skeleton.joints) + 1.0, 2.0 * np.arange(skeleton.joints) + 3
    drawn = traces(figures.scale_against_error(scale, errors, skeleton))
    shown = {
        name: (x, y)
        for trace in drawn.values()
        if trace["mode"] == "markers"
        for name, x, y in zip(trace["text"], trace["x"], trace["y"], strict=True)
    }
    assert shown == {
        skeleton.joint_names[joint]: (scale[joint], errors[joint])
        for joint in range(skeleton.joints)
        if joint != skeleton.root
    }


def test_another_number_of_joints_is_refused():
    with pytest.raises(InvalidData, match=r"scale has shape \(3,\); expected \(17,\)"):
        figures.scale_against_error(np.ones(3), np.ones(17), HUMAN36M_17)
