"""What modules tell of released states, asked without a name of a network."""

import torch

from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import MODELS, build, network, releases

SMALL = {"frames": 9, "embed_dim": 8}


def test_a_state_of_nobody_is_of_no_network():
    assert releases.describe({"conv.weight": torch.zeros(3)}) is None


def test_a_state_is_told_by_the_module_of_its_network():
    state = build("gla_gcn", skeleton=HUMAN36M_17, **SMALL).state_dict()
    name, found = releases.describe(state)
    assert (name, found.joints, found.options["frames"], found.host) == ("gla_gcn", 17, 9, None)


def test_every_module_that_knows_a_release_is_asked():
    known = releases.references()
    assert {"mixste", "ktpformer", "d3dp-sampler", "gla-gcn", "uao-gumlp"} <= set(known)
    hourglasses = {name for name in known if name.startswith(("hot-", "tpc-"))}
    assert hourglasses == {
        *("hot-mixste", "hot-motionbert", "hot-motionagformer"),
        *("tpc-mixste", "tpc-mhformer", "tpc-motionbert", "tpc-motionagformer"),
    }
    assert "betas" in releases.constants("d3dp")
    assert releases.constants("mixste") == frozenset()


def test_a_module_that_is_no_lifter_is_asked_for_its_releases_too():
    assert "poseaug" not in MODELS
    assert {"poseaug-generator", "poseaug-disc2d", "poseaug-disc3d"} <= set(releases.references())


def test_arguments_are_renamed_where_they_are_given():
    names = {"channel": "embed_dim", "layers": "depth"}
    assert releases.renamed({"channel": 8, "seed": 1}, names) == {"embed_dim": 8}


def test_modules_in_a_list_are_counted_by_names():
    state = dict.fromkeys(["blocks.0.a", "blocks.0.b", "blocks.11.a", "blocks_2.0.a"])
    assert releases.count_modules(state, "blocks") == 2


def test_options_of_every_description_are_the_networks_own():
    for model in MODELS:
        assert network(model).Config.__dataclass_params__.frozen
