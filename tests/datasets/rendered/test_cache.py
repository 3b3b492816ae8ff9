"""Pictures on disk: made once, gone on with after a break, made anew where they are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posekit.datasets.rendered.body_images import per_picture
from posekit.datasets.rendered.cache import CHUNK, Arrays, kept_or_made
from posekit.errors import StorageError

PICTURES = CHUNK + 10


class Maker:
    """Makes small arrays, and knows which numbers it was asked for."""

    def __init__(self, stop: int | None = None) -> None:
        self.asked: list[int] = []
        self.stop = stop

    def __call__(self, number: int) -> Arrays:
        if number == self.stop:
            raise KeyboardInterrupt
        self.asked.append(number)
        return {name: np.full(3, number, dtype=np.float32) for name in per_picture()}


def test_what_is_on_disk_is_not_made_again(tmp_path: Path) -> None:
    maker = Maker()
    first = kept_or_made(tmp_path, PICTURES, maker, "pictures")
    assert maker.asked == list(range(PICTURES))
    np.testing.assert_array_equal(first["images"][:, 0], np.arange(PICTURES))
    again = kept_or_made(tmp_path, PICTURES, maker, "pictures")
    assert len(maker.asked) == PICTURES
    for name in per_picture():
        np.testing.assert_array_equal(first[name], again[name])


def test_a_break_costs_no_more_than_its_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        kept_or_made(tmp_path, PICTURES, Maker(stop=CHUNK + 3), "pictures")
    assert [path.name for path in tmp_path.iterdir()] == ["pictures-00000.npz"]
    rest = Maker()
    kept_or_made(tmp_path, PICTURES, rest, "pictures")
    assert rest.asked == list(range(CHUNK, PICTURES))


@pytest.mark.parametrize("damage", ["cut", "bits", "empty", "another", "member"])
def test_a_damaged_file_is_named_and_made_anew(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_or_made(tmp_path, PICTURES, Maker(), "pictures")
    sound, broken = sorted(tmp_path.iterdir())
    contents = broken.read_bytes()
    if damage == "another":
        broken.write_bytes(sound.read_bytes())
    elif damage == "member":
        with np.load(broken) as file:
            arrays = {**file, "labels": file["labels"] + 1}
        np.savez_compressed(broken, **arrays)
    else:
        middle = len(contents) // 2
        changed = {
            "cut": contents[:middle],
            "bits": contents[:middle] + b"\xff" * 8 + contents[middle + 8 :],
            "empty": b"",
        }
        broken.write_bytes(changed[damage])
    maker = Maker()
    kept_or_made(tmp_path, PICTURES, maker, "pictures")
    assert maker.asked == list(range(CHUNK, PICTURES))
    told = capsys.readouterr().err.splitlines()
    assert told == [f"{broken}: damaged, its pictures are made anew."]
    assert broken.read_bytes() == contents


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        kept_or_made(tmp_path / "file" / "below", 2, Maker(), "pictures")
