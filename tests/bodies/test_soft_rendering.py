"""The soft renderer against its equations, central differences, and its bound of memory."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.profiler import ProfilerActivity, profile

from posekit.bodies import soft_rendering
from posekit.bodies.rendering import BYTES_PER_PAIR
from posekit.bodies.soft_rendering import Softness, count_pairs, render
from posekit.errors import InvalidParameter

SIZE = (10, 14)
NEAR, FAR, EPS = 1.0, 5.0, 1e-3


def drawn(batch=2, faces=6, seed=0, scale=1.0):
    """Triangles in and around the picture, between 2 and 4 m; float64."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand(batch, faces, 3, 3, generator=generator, dtype=torch.float64)
    span = torch.tensor([18.0 * scale, 14.0 * scale, 2.0])
    return draw * span + torch.tensor([-2.0, -2.0, 2.0])


def rendered(triangles, attributes=None, softness=None, near=NEAR, far=FAR, size=SIZE):
    batch, faces = triangles.shape[:2]
    if attributes is None:
        generator = torch.Generator().manual_seed(1)
        attributes = torch.rand(batch, faces, 3, generator=generator).to(triangles)
    depths = (triangles.new_full((batch,), depth) for depth in (near, far))
    background = torch.linspace(0, 1, attributes.shape[2]).to(triangles)
    softness = softness or Softness(0.5, 0.1, EPS, 10**6, moving_weights=True)
    return render(triangles, attributes, size, *depths, background, softness)


def literal(triangles, attributes, sigma, gamma):
    """The equations, pixel by pixel and face by face."""
    image = torch.zeros(3, *SIZE, dtype=torch.float64)
    silhouette = torch.zeros(SIZE, dtype=torch.float64)
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            centre = torch.tensor([column + 0.5, row + 0.5], dtype=torch.float64)
            missed, total = 1.0, math.exp(2 * EPS / gamma)
            colour = torch.linspace(0, 1, 3).double() * total
            for corners, value in zip(triangles, attributes, strict=True):
                xy = corners[:, :2]
                edges = [(xy[k], xy[(k + 1) % 3] - xy[k]) for k in range(3)]
                squared = min(
                    float(
                        (centre - a - ((centre - a) @ e / (e @ e)).clamp(0, 1) * e).square().sum()
                    )
                    for a, e in edges
                )
                matrix = torch.cat([xy.T, torch.ones(1, 3, dtype=torch.float64)])
                weights = torch.linalg.solve(matrix, torch.cat([centre, torch.ones(1).double()]))
                inside = bool((weights > 0).all())
                cover = 1 / (1 + math.exp(-squared / sigma if inside else squared / sigma))
                if cover < 1e-4:
                    continue
                missed *= 1 - cover
                weights = weights.clamp(0, 1) / weights.clamp(0, 1).sum()
                level = (FAR - 1 / float((weights / corners[:, 2]).sum())) / (FAR - NEAR)
                share = cover * math.exp(level / gamma)
                colour, total = colour + share * value, total + share
            image[:, row, column] = colour / total
            silhouette[row, column] = 1 - missed
    return image, silhouette


def test_pictures_are_those_of_the_equations():
    triangles = drawn(1, 5)
    attributes = torch.rand(1, 5, 3, generator=torch.Generator().manual_seed(2)).double()
    image, silhouette = rendered(triangles, attributes)
    expected, covered = literal(triangles[0], attributes[0], 0.5, 0.1)
    torch.testing.assert_close(image[0], expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(silhouette[0], covered, rtol=0, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.02, 0.3])
@pytest.mark.parametrize("output", [0, 1])
def test_gradients_are_central_differences(monkeypatch, gamma, output):
    # A pair that comes within reach makes a small step, which no gradient knows: put it far away.
    monkeypatch.setattr(soft_rendering, "LEAST_COVER", 1e-13)
    softness = Softness(0.5, gamma, EPS, 10**6, moving_weights=True)
    cotangent = torch.rand(2, *SIZE, generator=torch.Generator().manual_seed(3)).double()

    def value(triangles):
        picture = rendered(triangles, softness=softness)[output]
        return ((picture if output else picture.sum(1)) * cotangent).sum()

    triangles = drawn().requires_grad_()
    (gradient,) = torch.autograd.grad(value(triangles), triangles)
    step, still = 1e-6, triangles.detach()
    for place in (
        (0, 0, 1, 0),
        (0, 1, 0, 1),
        (0, 2, 2, 2),
        (1, 3, 1, 1),
        (1, 4, 0, 0),
        (1, 5, 2, 1),
    ):
        moved = torch.zeros_like(still)
        moved[place] = step
        difference = float(value(still + moved) - value(still - moved)) / (2 * step)
        assert float(gradient[place]) == pytest.approx(difference, rel=1e-4, abs=1e-6)


def test_gradients_by_attributes_are_exact():
    triangles = drawn()
    attributes = torch.rand(2, 6, 3, generator=torch.Generator().manual_seed(2)).double()
    attributes.requires_grad_()
    image, _ = rendered(triangles, attributes)
    (gradient,) = torch.autograd.grad(image.square().sum(), attributes)
    # Pictures are affine in attributes: a central difference of the square is exact.
    step = torch.zeros_like(attributes)
    step[1, 2, 1] = 1.0
    up, down = (
        rendered(triangles, attributes.detach() + s)[0].square().sum() for s in (step, -step)
    )
    assert float(gradient[1, 2, 1]) == pytest.approx(float(up - down) / 2, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(most=st.integers(1, 500), seed=st.integers(0, 50), single=st.booleans())
def test_pictures_and_gradients_are_the_same_however_they_are_cut(most, seed, single):
    triangles = drawn(3, 6, seed).to(torch.float32 if single else torch.float64)
    found = []
    for pairs in (10**6, most):
        leaf = triangles.clone().requires_grad_()
        softness = Softness(0.5, 0.05, EPS, pairs, moving_weights=True)
        image, silhouette = rendered(leaf, softness=softness)
        (image.square().sum() + silhouette.square().sum()).backward()
        found.append((image, silhouette, leaf.grad))
    for whole, cut in zip(*found, strict=True):
        assert torch.equal(whole, cut)


def test_a_batch_is_its_pictures_one_by_one():
    triangles = drawn(3, 6)
    attributes = torch.rand(3, 6, 2, generator=torch.Generator().manual_seed(2)).double()
    together = rendered(triangles, attributes)
    for number in range(3):
        alone = rendered(triangles[number : number + 1], attributes[number : number + 1])
        for batch, picture in zip(together, alone, strict=True):
            assert torch.equal(batch[number], picture[0])


def test_a_second_backward_pass_is_the_first():
    triangles = drawn().requires_grad_()
    image, _ = rendered(triangles)
    first, second = (
        torch.autograd.grad(image.sum(), triangles, retain_graph=True)[0] for _ in range(2)
    )
    assert torch.equal(first, second)


def test_a_surface_outside_the_depths_is_in_the_silhouette_without_colour_or_gradient():
    triangles = torch.tensor([[[[1.0, 1, 3], [12, 2, 3], [6, 9, 3]]]]).double().requires_grad_()
    image, silhouette = rendered(triangles, near=4.5, far=6.0)
    background = torch.linspace(0, 1, 3).double()[:, None, None]
    torch.testing.assert_close(image[0], background.expand(-1, *SIZE))
    assert silhouette.max() > 0.9
    (gradient,) = torch.autograd.grad(image.sum() + silhouette.sum(), triangles)
    assert not gradient.any()


def test_a_triangle_seen_edge_on_leaves_the_gradients_finite():
    triangles = drawn()
    triangles[0, 1, 2] = triangles[0, 1, :2].mean(0)
    triangles.requires_grad_()
    image, silhouette = rendered(triangles)
    (gradient,) = torch.autograd.grad(image.sum() + silhouette.sum(), triangles)
    assert gradient.isfinite().all()
    assert not gradient[0, 1].any()
    assert gradient[0, 0].any()


def test_a_tiny_gamma_overflows_nothing_and_shows_the_nearest():
    triangles = drawn(1, 3, scale=0.3).float()
    triangles[0, :, :, :2] = torch.tensor([[-20.0, -20.0], [40.0, -20.0], [0.0, 60.0]])
    triangles[0, :, :, 2] = torch.tensor([3.0, 2.0, 4.0])[:, None]
    triangles.requires_grad_()
    softness = Softness(0.01, 1e-6, EPS, 10**6, moving_weights=True)
    image, _ = rendered(triangles, torch.eye(3)[None], softness)
    assert torch.equal(image[0].argmax(0), torch.ones(SIZE, dtype=torch.long))
    assert torch.autograd.grad(image.sum(), triangles)[0].isfinite().all()


def test_no_faces_leave_the_background():
    image, silhouette = rendered(drawn(2, 0))
    assert torch.equal(image[1, :, 3, 4], torch.linspace(0, 1, 3).double())
    assert not silhouette.any()


def test_pairs_are_counted_whatever_the_chunks():
    counts = {
        count_pairs(drawn(), SIZE, Softness(0.5, 0.1, EPS, most, moving_weights=True))
        for most in (30, 10**6)
    }
    assert len(counts) == 1
    assert counts.pop() > 100


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("most", [1 << 13, 1 << 15, 1 << 30])
def test_memory_is_bounded(dtype, most):
    side, faces, channels = 128, 40, 3
    triangles = drawn(1, faces, scale=9.0).to(dtype).requires_grad_()
    attributes = torch.rand(1, faces, channels).to(dtype)
    softness = Softness(0.5, 0.1, EPS, most, moving_weights=True)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        image, silhouette = rendered(triangles, attributes, softness, size=(side, side))
        (image.sum() + silhouette.sum()).backward()
    changes = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = peak = 0
    for change in sorted(changes, key=lambda event: event.start_ns()):
        held += change.nbytes()
        peak = max(peak, held)
    width = 1 if dtype == torch.float32 else 2
    numbers = (5 * channels + 12) * side**2 + 200 * faces
    boxes = sum(
        float(
            (corners[:, :2].amax(0).clamp(0, side) - corners[:, :2].amin(0).clamp(0, side)).prod()
        )
        for corners in triangles.detach()[0]
    )
    pairs = min(most, 1.2 * boxes)
    assert boxes > 3 * (1 << 15)
    assert peak < width * (4 * numbers + BYTES_PER_PAIR * pairs)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sigma": 0.0}, "sigma is 0.0; give one above 0"),
        ({"sigma": math.nan}, "sigma is nan"),
        ({"gamma": -1.0}, "gamma is -1.0"),
        ({"gamma": math.inf}, "gamma is inf"),
        ({"most_pairs": 0}, "most_pairs is 0"),
        ({"most_pairs": 2.5}, "most_pairs is 2.5"),
    ],
)
def test_what_draws_no_picture_is_refused(changes, words):
    softness = Softness(0.5, 0.1, EPS, 100, moving_weights=True)._replace(**changes)
    with pytest.raises(InvalidParameter, match=words) as caught:
        rendered(drawn(), softness=softness)
    assert "\n" not in str(caught.value)
