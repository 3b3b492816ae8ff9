"""The user's semantic prior, and files that are none."""

import numpy as np
import pytest

from posekit.bodies.prior_files import read_prior
from posekit.errors import InvalidData

FACES = 12


def probabilities(shape=(FACES, 20), seed=0):
    drawn = np.random.default_rng(seed).random(shape)
    return drawn / drawn.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("shape", [(FACES, 20), (1, FACES, 20), (FACES, 1, 20)])
@pytest.mark.parametrize("kind", ["f4", "f8", ">f8"])
def test_prior_is_read_whatever_its_axes_of_one(tmp_path, shape, kind):
    stored = probabilities().astype(kind)
    np.save(tmp_path / "semantic_prior.npy", stored.reshape(shape))
    found = read_prior(tmp_path / "semantic_prior.npy", FACES)
    assert found.shape == (FACES, 20)
    np.testing.assert_allclose(found.numpy(), stored, atol=1e-7)


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (probabilities((FACES - 1, 20)), r"shape \(11, 20\)"),
        (probabilities((FACES, 8)), r"shape \(12, 8\)"),
        (probabilities().astype(int), "int64"),
        (10 * probabilities(), "sum to 1"),
        (-probabilities(), "negative"),
        (probabilities() * np.nan, "NaN"),
        (np.array([{"a": 1}], dtype=object), "not a readable .npy"),
    ],
)
def test_other_arrays_are_refused_in_one_line(tmp_path, stored, told):
    path = tmp_path / "semantic_prior.npy"
    np.save(path, stored)
    with pytest.raises(InvalidData, match=told) as caught:
        read_prior(path, FACES)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_files_are_refused_in_one_line(tmp_path):
    text, short, archive = (tmp_path / name for name in ("text.npy", "short.npy", "prior.npz"))
    text.write_text("no numbers")
    np.save(short, probabilities())
    short.write_bytes(short.read_bytes()[:200])
    np.savez(archive, prior=probabilities())
    for path in (text, short, archive, tmp_path / "missing.npy", tmp_path):
        with pytest.raises(InvalidData, match=r"not a readable \.npy") as caught:
            read_prior(path, FACES)
        assert "\n" not in str(caught.value)
