"""SoftRas's equations over the pairs that matter, with a backward pass written by hand.

Liu et al., "Soft Rasterizer: A Differentiable Renderer for Image-based 3D Reasoning", ICCV 2019,
https://github.com/ShichenLiu/SoftRas at b569bed: distance "euclidean", colours "softmax",
silhouette "prod", one colour per face, both sides seen. Of a pixel and a triangle, with d their
distance on the screen and z the normalised depth:

    D = sigmoid(+-d^2 / sigma), + inside           A = 1 - prod(1 - D)
    e = D exp(z / gamma)                           C = sum(e a) / (sum(e) + exp(2 eps / gamma))

The published background has eps; the released kernel counts it twice.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import logsigmoid

from posekit.bodies.fragments import (
    LEAST_DEPTH,
    Boxes,
    Chunk,
    at,
    find_boxes,
    list_pairs,
    plan_chunks,
)
from posekit.errors import InvalidParameter, check_count

LEAST_COVER = 1e-4  # of a pixel outside a triangle: farther pairs are left out

Grad = Tensor | None


class Softness(NamedTuple):
    """How soft a picture is.

    Attributes:
        sigma: of borders, px^2.
        gamma: of nearness, in normalised depth.
        eps: normalised depth of the background.
        most_pairs: pairs that are held at once.
        moving_weights: whether the gradient knows that a triangle which moves sideways shows a
            pixel another depth. The released kernels hold barycentric coordinates constant there.
    """

    sigma: float
    gamma: float
    eps: float
    most_pairs: int
    moving_weights: bool

    def check(self) -> None:
        """Refuse what no picture can be drawn with.

        Raises:
            InvalidParameter: a softness that is not above 0, or no number of pairs.
        """
        for name in ("sigma", "gamma"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidParameter(f"{name} is {getattr(self, name)!r:.60}; give one above 0.")
        check_count("most_pairs", self.most_pairs)


class Fragments(NamedTuple):
    """P pairs near enough to matter.

    Attributes:
        triangle, pixel: (P,) as in ``fragments.Pairs``.
        signed: (P,) squared distance to the triangle's border, px^2; negative outside.
        offset: 2 x (P,) from the nearest point of the border to the pixel's centre.
        border: 3 x (P,) barycentric coordinates of that nearest point.
        weights: 3 x (P,) those of the centre.
    """

    triangle: Tensor
    pixel: Tensor
    signed: Tensor
    offset: list[Tensor]
    border: list[Tensor]
    weights: list[Tensor]


class Shares(NamedTuple):
    """What the pairs have in their pixels, (P,) each.

    Attributes:
        cover: D.
        weights: 3 x (P,) barycentric coordinates, clamped to [0, 1].
        total: their sum.
        depth: of the surface there.
        within: whether that is between near and far.
        level: normalised depth, 1 at near; minus infinity where it is not within.
    """

    cover: Tensor
    weights: list[Tensor]
    total: Tensor
    depth: Tensor
    within: Tensor
    level: Tensor


def render(
    triangles: Tensor,
    attributes: Tensor,
    size: tuple[int, int],
    near: Tensor,
    far: Tensor,
    background: Tensor,
    softness: Softness,
) -> tuple[Tensor, Tensor]:
    """Soft pictures of screen triangles, all channels in one pass.

    Args:
        triangles: (B, F, 3, 3) x and y in pixels, depth.
        attributes: (B, F, C) of the faces.
        size: height and width.
        near, far: (B,) depths; constants of the gradient.
        background: (C,).
        softness: see there.

    Returns:
        Image (B, C, H, W) and silhouette (B, H, W).

    Raises:
        InvalidParameter: as ``Softness.check`` says.
    """
    softness.check()
    image, silhouette = _Render.apply(triangles, attributes, size, near, far, background, softness)
    return image, silhouette


def count_pairs(triangles: Tensor, size: tuple[int, int], softness: Softness) -> int:
    """Pairs that soft pictures of screen triangles (B, F, 3, 3) go over."""
    depth = triangles.new_zeros(len(triangles))
    with torch.no_grad():
        scene = _Scene(triangles, triangles[..., 0, :0], size, depth, depth + 1, softness)
        return sum(len(scene.fragments(chunk).pixel) for chunk in scene.chunks)


class _Scene:
    """Triangles and attributes as flat columns, which gathers and sums read fastest."""

    def __init__(
        self,
        triangles: Tensor,
        attributes: Tensor,
        size: tuple[int, int],
        near: Tensor,
        far: Tensor,
        softness: Softness,
    ) -> None:
        self.batch, self.faces = triangles.shape[:2]
        self.size, self.softness = size, softness
        self.pixels = self.batch * size[0] * size[1]
        corners = triangles.reshape(-1, 3, 3).permute(2, 1, 0).contiguous()
        self.x, self.y, self.depth = corners
        self.edge_x, self.edge_y = (part.roll(-1, 0) - part for part in (self.x, self.y))
        lengths = self.edge_x**2 + self.edge_y**2
        self.inverse_length = 1 / lengths.clamp(min=torch.finfo(lengths.dtype).tiny)
        self.inverse_area = 1 / (self.edge_x[0] * self.edge_y[1] - self.edge_y[0] * self.edge_x[1])
        # Of corners that nobody sees, a number by which no gradient becomes one that is not finite.
        self.inverse_depth = torch.where(self.depth > LEAST_DEPTH, 1 / self.depth, 0)
        self.columns = attributes.permute(2, 0, 1).flatten(1).contiguous()
        self.per_metre = (1 / (far - near)).repeat_interleave(self.faces)
        self.far = far.repeat_interleave(self.faces)
        self.reach = math.log(1 / LEAST_COVER - 1) * softness.sigma
        self.boxes: Boxes = find_boxes(triangles, size, math.sqrt(self.reach))
        self.chunks = plan_chunks(self.boxes, self.batch, self.faces, size[0], softness.most_pairs)

    def fragments(self, chunk: Chunk) -> Fragments:
        """The pairs of a chunk whose pixel lies inside the triangle or near it."""
        pairs = list_pairs(self.boxes, chunk, self.faces, self.size)
        triangle = pairs.triangle
        x, y = pairs.x.to(self.x.dtype), pairs.y.to(self.x.dtype)
        area = at(self.inverse_area, triangle)
        weights = [area, area, area]
        nearest = torch.full_like(x, math.inf)
        along, offset_x, offset_y = nearest, nearest, nearest
        edge = torch.zeros_like(triangle, dtype=torch.int8)
        for k in range(3):
            dx, dy = x - at(self.x[k], triangle), y - at(self.y[k], triangle)
            ex, ey = at(self.edge_x[k], triangle), at(self.edge_y[k], triangle)
            weights[(k + 2) % 3] = (ex * dy - ey * dx).mul_(area)
            t = (ex * dx + ey * dy).mul_(at(self.inverse_length[k], triangle)).clamp_(0, 1)
            dx.addcmul_(t, ex, value=-1)
            dy.addcmul_(t, ey, value=-1)
            squared = dx * dx + dy * dy
            nearer = squared < nearest
            nearest = torch.where(nearer, squared, nearest)
            along = torch.where(nearer, t, along)
            offset_x = torch.where(nearer, dx, offset_x)
            offset_y = torch.where(nearer, dy, offset_y)
            edge.masked_fill_(nearer, k)
        inside = torch.minimum(torch.minimum(weights[0], weights[1]), weights[2]) > 0
        signed = torch.where(inside, nearest, -nearest)
        kept = (signed > -self.reach).nonzero()[:, 0]
        along, edge = at(along, kept), at(edge, kept)
        return Fragments(
            at(triangle, kept),
            at(pairs.pixel, kept),
            at(signed, kept),
            [at(offset_x, kept), at(offset_y, kept)],
            [
                torch.where(edge == k, 1 - along, torch.where(edge == (k + 2) % 3, along, 0))
                for k in range(3)
            ],
            [at(weight, kept) for weight in weights],
        )

    def shares(self, found: Fragments) -> Shares:
        """Covers and depths of pairs."""
        weights = [weight.clamp(0, 1) for weight in found.weights]
        total = weights[0] + weights[1] + weights[2]
        depth = torch.zeros_like(total)
        for k in range(3):
            depth.addcmul_(weights[k], at(self.inverse_depth[k], found.triangle))
        depth = depth.reciprocal_().mul_(total)
        level = (at(self.far, found.triangle) - depth).mul_(at(self.per_metre, found.triangle))
        within = (level >= 0) & (level <= 1)
        level.masked_fill_(~within, -math.inf)
        # torch.sigmoid rounds the last few of many values otherwise than the others.
        cover = (found.signed / -self.softness.sigma).exp_().add_(1).reciprocal_()
        return Shares(cover, weights, total, depth, within, level)

    def tilts(self, found: Fragments, shares: Shares) -> list[Tensor]:
        """How 1 / depth changes over the screen, x and y, times the sum of the clamped weights."""
        by_x, by_y = torch.zeros_like(shares.depth), torch.zeros_like(shares.depth)
        inverse = 1 / shares.depth
        area = at(self.inverse_area, found.triangle)
        for k in range(3):
            opposite = (k + 2) % 3
            weight = found.weights[opposite]
            rise = (at(self.inverse_depth[opposite], found.triangle) - inverse).mul_(area)
            rise.mul_((weight > 0) & (weight < 1))  # where it is not clamped
            by_x.addcmul_(rise, at(self.edge_y[k], found.triangle), value=-1)
            by_y.addcmul_(rise, at(self.edge_x[k], found.triangle))
        return [by_x, by_y]

    def colour_share(self, found: Fragments, shares: Shares, top: Tensor) -> Tensor:
        """e of pairs, divided by exp(top / gamma) of their pixels."""
        return (
            (shares.level - at(top, found.pixel))
            .div_(self.softness.gamma)
            .exp_()
            .mul_(shares.cover)
        )


class _Render(torch.autograd.Function):
    """Between its passes it holds pixels and triangles; pairs only where one chunk has them all."""

    @staticmethod
    def forward(
        ctx: Any,
        triangles: Tensor,
        attributes: Tensor,
        size: tuple[int, int],
        near: Tensor,
        far: Tensor,
        background: Tensor,
        softness: Softness,
    ) -> tuple[Tensor, Tensor]:
        scene = _Scene(triangles, attributes, size, near, far, softness)
        eps, gamma = softness.eps, softness.gamma
        missed, total = triangles.new_zeros(2, scene.pixels)
        # The largest exponent of the pixel, the background's among them: no exponential overflows.
        top = triangles.new_full((scene.pixels,), 2 * eps)
        colours = triangles.new_zeros(len(scene.columns), scene.pixels)
        found = None
        for chunk in scene.chunks:
            found = scene.fragments(chunk)
            shares = scene.shares(found)
            missed.index_add_(0, found.pixel, logsigmoid(found.signed / -softness.sigma))
            top.scatter_reduce_(0, found.pixel, shares.level, "amax")
            share = scene.colour_share(found, shares, top)
            total.index_add_(0, found.pixel, share)
            for colour, column in zip(colours, scene.columns, strict=True):
                colour.index_add_(0, found.pixel, share * at(column, found.triangle))
        behind = ((2 * eps - top) / gamma).exp()
        total += behind
        colours = colours.addcmul_(background[:, None], behind).div_(total)
        ctx.scene, ctx.found = scene, found if len(scene.chunks) == 1 else None
        ctx.save_for_backward(missed, top, total, colours)
        shape = (scene.batch, *size)
        # A copy: what is kept must not be what others may write to.
        image = colours.view(-1, *shape).transpose(0, 1).contiguous()
        return image, missed.expm1().abs().view(shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_image: Tensor, grad_silhouette: Tensor) -> tuple[Grad, ...]:
        scene: _Scene = ctx.scene
        missed, top, total, colours = ctx.saved_tensors
        sigma, gamma = scene.softness.sigma, scene.softness.gamma
        grad_colours = grad_image.transpose(0, 1).reshape(len(colours), -1) / total
        mean = (grad_colours * colours).sum(0)
        grad_missed = grad_silhouette.flatten() * missed.exp()
        corners = torch.zeros(3, 3, len(scene.far)).to(top)
        columns = torch.zeros_like(scene.columns) if ctx.needs_input_grad[1] else None
        for chunk in scene.chunks:
            found = ctx.found or scene.fragments(chunk)
            shares = scene.shares(found)
            share = scene.colour_share(found, shares, top)
            grad_share = -at(mean, found.pixel)
            for number, column in enumerate(scene.columns):
                grad = at(grad_colours[number], found.pixel)
                grad_share.addcmul_(grad, at(column, found.triangle))
                if columns is not None:
                    columns[number].index_add_(0, found.triangle, grad * share)
            grad_share *= share  # of the logarithm of e
            slope = at(grad_missed, found.pixel).mul_(shares.within).mul_(shares.cover)
            slope.addcmul_(grad_share, 1 - shares.cover)
            slope.mul_(found.signed.sign()).mul_(-2 / sigma)
            # By 1 / depth, times gamma, over the sum of the clamped weights.
            nearer = grad_share.mul_(shares.depth**2).div_(shares.total)
            nearer.mul_(at(scene.per_metre, found.triangle))
            tilt = scene.tilts(found, shares) if scene.softness.moving_weights else []
            for axis in range(2):
                part = slope * found.offset[axis]
                tilted = tilt[axis].mul_(nearer).div_(-gamma) if tilt else None
                for k in range(3):
                    grad = part * found.border[k]
                    if tilted is not None:
                        grad.addcmul_(tilted, found.weights[k])
                    corners[axis, k].index_add_(0, found.triangle, grad)
            for k in range(3):
                corners[2, k].index_add_(0, found.triangle, nearer * shares.weights[k])
        ctx.found = None  # else kept as long as the picture is
        corners[2] *= scene.inverse_depth**2 / -gamma
        shape = (scene.batch, scene.faces)
        grad_triangles = corners.permute(2, 1, 0).unflatten(0, shape)
        grad_attributes = None if columns is None else columns.T.unflatten(0, shape)
        return grad_triangles, grad_attributes, None, None, None, None, None
