"""Goldens of GLA-GCN and of its unit alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from golden_checks.golden import Golden
from posekit.models.adaptive_graphs import AdaptiveGraphConvolution

SIMILARITY = 1e-5  # absolute tolerance of the similarity matrices
UNIT_INPUT = 6.0  # factor on a unit's drawn input: makes its similarities sharp


def check_network(golden: Golden) -> None:
    """The fixed graph, and for every input the pose, the similarities and the units' outputs."""
    network = golden.network()
    golden.fixes(frames=network.frames)
    golden.compare("A", network.expand_gcn.gcn1.A)
    seen = _outputs({"expand": network.expand_gcn, **_strided_units(network)})
    similarities = _similarities(network.expand_gcn.gcn1)
    compared = set()
    for name in golden.shapes:
        keypoints = golden.input(name)
        untouched = keypoints.clone()
        with torch.inference_mode():
            pose = network(keypoints)
        assert torch.equal(keypoints, untouched), f"{golden.path.stem}: {name} was overwritten"
        found = {"pose": pose, "expand_C": similarities[-1], **seen}
        for output, quantity in _outputs_of(name, golden).items():
            compared.add(output)
            golden.compare(output, found[quantity])
            if quantity == "expand_C":
                golden.compare_within(output, found[quantity], SIMILARITY)
    assert compared == set(golden.spec["outputs"])


def check_unit(golden: Golden) -> None:
    """One unit: its fixed graph, its graph half, its similarities and its output."""
    joints = golden.spec["shapes"]["gcn1.PA"][-1]
    golden.tells("block")
    unit = golden.network({"num_joints": joints, **golden.config})
    golden.compare("A", unit.gcn1.A)
    halves = _outputs({"gcn": unit.gcn1})
    similarities = _similarities(unit.gcn1)
    with torch.inference_mode():
        golden.compare("output", unit(UNIT_INPUT * golden.input("input")))
    golden.compare("gcn", halves["gcn"])
    golden.compare_within("C", similarities[-1], SIMILARITY)


CHECKS = {"gla-gcn": check_network, "gla-gcn-unit": check_unit}


def _strided_units(network: nn.Module) -> dict[str, nn.Module]:
    units = enumerate(network.layers_tcngcn)
    return {f"unit_{index}": unit for index, unit in units if index % 2}


def _outputs(modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Filled by hooks with what each module gave last."""
    outputs: dict[str, Tensor] = {}
    for name, module in modules.items():
        module.register_forward_hook(
            lambda _module, _inputs, out, name=name: outputs.update({name: out})
        )
    return outputs


def _similarities(convolution: AdaptiveGraphConvolution) -> list[Tensor]:
    """Filled by a hook with the similarity matrices of every input."""
    matrices: list[Tensor] = []
    convolution.register_forward_hook(
        lambda module, inputs, _out: matrices.append(module.similarity(inputs[0]))
    )
    return matrices


def _outputs_of(name: str, golden: Golden) -> dict[str, str]:
    """Outputs that belong to the input ``name``, and the quantity that each shows.

    With several inputs, outputs end in the name of theirs.
    """
    suffix = f"_{name}"
    named = [output for output in golden.spec["outputs"] if output.endswith(suffix)]
    if named:
        return {output: output.removesuffix(suffix) for output in named}
    return {output: output for output in golden.spec["outputs"]}
