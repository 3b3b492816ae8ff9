"""The mark of ``posekit data standin``: what is computed from such files is labelled STAND-IN."""

from __future__ import annotations

from pathlib import Path

from posekit.datasets.archives import member_names

STANDIN_MEMBER = "standin"
README = "README-STAND-IN.txt"
_HEAD = 512  # bytes of a pickle in which the mark is looked for; it is written first


def standin_note(title: str) -> str:
    """The sentence that every stand-in of a data set carries."""
    return f"STAND-IN: generated files in the layout of {title}, not {title} itself."


def is_standin(path: Path) -> bool:
    """Whether an ``.npz``, ``.pkl`` or ``.mat`` file carries the mark.

    Raises:
        InvalidData: an archive that cannot be listed.
    """
    if path.suffix == ".npz":
        return STANDIN_MEMBER in member_names(path)
    with path.open("rb") as file:
        return b"STAND-IN:" in file.read(_HEAD)
