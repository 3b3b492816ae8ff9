"""The steps that make the open body's file, without the package that its shapes come from."""

from __future__ import annotations

import numpy as np

from posekit.bodies.make_open_body import BONES, folded_weights, principal_components


def test_components_are_directions_times_deviations() -> None:
    rng = np.random.default_rng(0)
    mean, axes = rng.normal(size=(6, 3)), np.linalg.qr(rng.normal(size=(18, 2)))[0]
    bodies = mean + (rng.normal(size=(4000, 2)) * [3.0, 0.5] @ axes.T).reshape(-1, 6, 3)
    shapes = principal_components(bodies, 2)
    np.testing.assert_allclose(
        np.linalg.norm(shapes.directions.reshape(18, 2), axis=0), [3.0, 0.5], rtol=0.05
    )
    assert shapes.kept > 0.999999
    outwards = np.einsum("pkc,pk->c", shapes.directions, mean - mean.mean(0))
    assert (outwards > 0).all()


def test_weights_of_left_out_bones_go_to_the_nearest_kept_ancestor() -> None:
    bones, weights = np.array([[0, 2], [3, 1]]), np.array([[0.25, 0.75], [0.5, 0.5]])
    folded = folded_weights(bones, weights, parents=[-1, 0, 1, 0], kept=[0, 1])
    np.testing.assert_allclose(folded, [[0.25, 0.75], [0.5, 0.5]])


def test_every_joint_has_a_bone_of_its_own() -> None:
    assert len(set(BONES)) == len(BONES) == 24
