"""Predictions: windows, batches, test-time optimisation, what is refused."""

from dataclasses import replace

import pytest
import tiny
import torch

from posekit.errors import InvalidData, InvalidParameter
from posekit.evaluation import evaluate, predict, score
from posekit.evaluation.optimisation import Optimisation
from posekit.evaluation.prediction import predict_optimised
from posekit.evaluation.protocols import HOT_SEQUENCE, MHFORMER, MIXSTE, VIDEOPOSE3D
from posekit.geometry.skeletons import MPI_INF_3DHP_17


def test_sequence_lifter_scored_at_the_middle_frame(lifter):
    class Position(tiny.TinyLifter):
        """Predicts its frame's place in the window."""

        def forward(self, keypoints):
            places = torch.arange(self.frames).float()[None, :, None, None]
            return places.expand(len(keypoints), -1, 17, 3)

    for rule, place in (("centred", 4), ("causal", 8)):
        protocol = replace(VIDEOPOSE3D, windows=rule, flip=False)
        predictions = predict(Position(), tiny.dataset(), protocol=protocol, device="cpu")
        assert predictions.plain.shape == (72, 1, 17, 3)
        assert (predictions.plain == place).all()


def test_batch_size_and_precision(lifter):
    results = [
        evaluate(
            lifter,
            tiny.dataset(),
            protocol=HOT_SEQUENCE,
            device="cpu",
            batch_size=batch,
            precision=precision,
        ).metrics["mpjpe"]
        for batch, precision in ((1, "float32"), (None, "float32"), (None, "bf16"))
    ]
    assert results[1] == pytest.approx(results[0], rel=1e-6)
    assert results[2] != results[1]
    assert results[2] == pytest.approx(results[1], abs=2.0)


def test_evaluation_leaves_the_mode_and_the_random_state_alone(lifter):
    state = torch.get_rng_state()
    lifter.train()
    evaluate(lifter, tiny.dataset(), protocol=MIXSTE, device="cpu")
    assert lifter.training
    lifter.eval()
    assert torch.equal(torch.get_rng_state(), state)


def test_optimised_predictions_of_no_iterations_are_the_flip_average(lifter):
    plain = score(predict(lifter, tiny.dataset(), protocol=MHFORMER), MHFORMER)
    none = Optimisation(iterations=0)
    kept = predict_optimised(lifter, tiny.dataset(), none, protocol=MHFORMER)
    assert score(kept, MHFORMER).metrics["mpjpe"] == pytest.approx(plain.metrics["mpjpe"])


def test_optimising_the_pose_itself_fits_clean_keypoints(lifter):
    before = evaluate(lifter, tiny.dataset(), protocol=MHFORMER).metrics["mpjpe"]
    settings = Optimisation(
        target="pose", iterations=60, learning_rate=0.02, weight_uncertainty=0.0
    )
    fitted = predict_optimised(lifter, tiny.dataset(), settings, protocol=MHFORMER)
    assert score(fitted, MHFORMER).metrics["mpjpe"] < 0.8 * before


def test_a_given_root_needs_the_truth(lifter):
    blind = tiny.dataset(replace(tiny.clip(40), pose=None))
    with pytest.raises(InvalidData, match="optimise with root 'fitted'"):
        predict_optimised(lifter, blind, Optimisation(), protocol=MHFORMER)


def test_refusals(lifter):
    class Broken(tiny.TinyLifter):
        def forward(self, keypoints):
            return torch.full((*keypoints.shape[:3], 3), torch.nan)

    with pytest.raises(InvalidData, match=r"NaN or infinity .* first in S9/Walking 1/0"):
        predict(Broken(), tiny.dataset(), protocol=MIXSTE, device="cpu")
    with pytest.raises(InvalidParameter, match="one frame per window"):
        predict(tiny.TinyLifter(output="frame"), tiny.dataset(), protocol=MIXSTE, device="cpu")
    with pytest.raises(InvalidParameter, match="float32, bf16"):
        predict(lifter, tiny.dataset(), protocol=MIXSTE, device="cpu", precision="half")


class OtherLength(tiny.TinyLifter):
    """Predicts every frame, or one, whatever it declares."""

    def __init__(self, declared, length):
        super().__init__(output=declared)
        self.length = length

    def forward(self, keypoints):
        return torch.zeros(len(keypoints), self.length, 17, 3)


@pytest.mark.parametrize(
    ("declared", "length", "protocol"),
    [
        ("sequence", 1, MIXSTE),
        ("sequence", 1, VIDEOPOSE3D),
        ("sequence", 8, VIDEOPOSE3D),
        ("frame", 9, VIDEOPOSE3D),
        ("frame", 2, VIDEOPOSE3D),
    ],
)
def test_another_number_of_frames_than_declared_is_refused(declared, length, protocol):
    with pytest.raises(InvalidData, match=f"OtherLength predicts .* declares output '{declared}'"):
        predict(OtherLength(declared, length), tiny.dataset(), protocol=protocol, device="cpu")


@pytest.mark.parametrize("batch_size", [0, -3, True, 2.0, "4"])
def test_a_batch_of_no_windows_is_refused(lifter, batch_size):
    with pytest.raises(InvalidParameter, match=r"batch_size is .*; give a whole number from 1"):
        evaluate(lifter, tiny.dataset(), protocol=MIXSTE, device="cpu", batch_size=batch_size)


def test_data_of_other_joints_are_refused_even_if_as_many(lifter):
    other = tiny.dataset(skeleton=MPI_INF_3DHP_17)
    for run in (
        lambda: predict(lifter, other, protocol=MIXSTE, device="cpu"),
        lambda: predict_optimised(lifter, other, Optimisation(), protocol=MHFORMER),
    ):
        with pytest.raises(InvalidParameter, match=r"TinyLifter lifts .* tiny holds those of"):
            run()
