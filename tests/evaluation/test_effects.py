"""What each choice of protocol does to one set of predictions."""

from dataclasses import replace

import tiny

from posekit.datasets.human36m import DAMAGED_TAKES
from posekit.evaluation import predict, protocol_effects, score
from posekit.evaluation.protocols import MIXSTE


def test_effects_name_what_moves_the_number(lifter):
    dataset = tiny.dataset(
        tiny.clip(40, "S9", "Greeting"),
        tiny.clip(7, "S9", "Posing"),
        tiny.clip(20, "S11", "Posing"),
    )
    predictions = predict(lifter, dataset, protocol=MIXSTE, device="cpu")
    effects = dict(protocol_effects(predictions, MIXSTE))
    assert list(effects) == [
        "protocol of MixSTE, KTPFormer",
        "root zeroed",
        "root joint left out",
        "padding not counted",
        "overlap counted once",
        "average over frames",
        "without flip averaging",
        "damaged S9 takes left out",
    ]
    without = score(predictions, replace(MIXSTE, excluded=DAMAGED_TAKES))
    assert effects["damaged S9 takes left out"] == without.metrics["mpjpe"]
    exact = tiny.dataset(tiny.clip(18, "S9", "Posing"))
    predictions = predict(lifter, exact, protocol=MIXSTE, device="cpu")
    labels = [label for label, _ in protocol_effects(predictions, MIXSTE)]
    assert "padding not counted" not in labels
    assert "overlap counted once" not in labels
    assert "damaged S9 takes left out" not in labels
