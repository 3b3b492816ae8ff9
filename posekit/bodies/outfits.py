"""Outfits: which clothes a person wears, where they end, and how loose they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posekit.bodies.semantic_labels import LABELS

UPPERCLOTHES, COAT, DRESS, JUMPSUITS, PANTS, SKIRT = (
    LABELS.index(name) for name in ("upperclothes", "coat", "dress", "jumpsuits", "pants", "skirt")
)
MOST_LOOSENESS = 0.06
"""Metres by which the loosest clothes stand off the body."""

# Kinds of outfits and how often each is worn.
_KINDS = {"top and trousers": 0.5, "coat": 0.15, "skirt": 0.15, "dress": 0.12, "jumpsuits": 0.08}
_SLEEVES = {"none": (0.1, 0.1), "short": (0.45, 0.85), "long": (1.8, 2.0)}
_SLEEVE_CHANCE = (0.15, 0.4, 0.45)
_SHORTS, _TROUSERS = (0.45, 1.0), (1.75, 1.95)


@dataclass(frozen=True)
class Outfit:
    """Labels of the clothes and the places where they end; coordinates as in ``BodyMap``.

    Attributes:
        top, bottom: label ids above and below the hem.
        sleeve: end along the arm, from 0 (shoulder) over 1 (elbow) to 2 (wrist).
        hem: lower end of the top, as a height: 0 at the hips, below 0 on the thighs.
        leg: end of the trousers along the leg, 0 for none.
        skirt: end of the skirt along the leg, 0 for none.
        sock: upper end of the socks along the leg; 2 where they stay in the shoe.
        hair: lower end of the hair, 0 at the head joint, -1 at the chin or so.
        shoes, gloves, hat, scarf, sunglasses: whether they are worn.
        looseness: metres, the most by which the clothes stand off the body.
    """

    top: int
    bottom: int
    sleeve: float
    hem: float
    leg: float
    skirt: float
    sock: float
    hair: float
    shoes: bool
    gloves: bool
    hat: bool
    scarf: bool
    sunglasses: bool
    looseness: float


def draw_outfit(rng: np.random.Generator, looseness: tuple[float, float]) -> Outfit:
    """An outfit at random.

    Args:
        rng: the only source of chance.
        looseness: metres, the range from which it is drawn evenly.
    """
    kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    cold = kind == "coat"
    sleeve = "long" if cold else str(rng.choice(list(_SLEEVES), p=_SLEEVE_CHANCE))
    skirted = kind in ("skirt", "dress")
    short = rng.random() < 0.35 and not cold
    leg = rng.uniform(*(_SHORTS if short else _TROUSERS))
    hem = rng.uniform(-0.5, -0.15) if cold else rng.uniform(-0.05, 0.12)
    top, bottom = {
        "top and trousers": (UPPERCLOTHES, PANTS),
        "coat": (COAT, PANTS),
        "skirt": (UPPERCLOTHES, SKIRT),
        "dress": (DRESS, DRESS),
        "jumpsuits": (JUMPSUITS, JUMPSUITS),
    }[kind]
    return Outfit(
        top=top,
        bottom=bottom,
        sleeve=rng.uniform(*_SLEEVES[sleeve]),
        hem=hem,
        leg=0.0 if skirted else leg,
        skirt=rng.uniform(0.55, 1.5) if skirted else 0.0,
        sock=rng.uniform(1.4, 1.8) if (skirted or short) and rng.random() < 0.3 else 2.0,
        hair=rng.choice((0.3, -0.2, -0.7)),
        shoes=rng.random() < 0.93,
        gloves=rng.random() < 0.05,
        hat=rng.random() < 0.15,
        scarf=rng.random() < (0.3 if cold else 0.05),
        sunglasses=rng.random() < 0.06,
        looseness=rng.uniform(*looseness),
    )
