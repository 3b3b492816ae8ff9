"""A made-up person in the Acclaim format, for tests of its reader and of the CMU data set."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

# name, parent, direction times length in file units, degrees of freedom
BONES = (
    ("lhipjoint", "root", (1.6, -1.8, 0.0), ""),
    ("lfemur", "lhipjoint", (0.0, -7.0, 0.0), "rx ry rz"),
    ("ltibia", "lfemur", (0.0, -7.5, 0.0), "rx"),
    ("rhipjoint", "root", (-1.6, -1.8, 0.0), ""),
    ("rfemur", "rhipjoint", (0.0, -7.0, 0.0), "rx ry rz"),
    ("rtibia", "rfemur", (0.0, -7.5, 0.0), "rx"),
    ("lowerback", "root", (0.0, 2.0, 0.0), "rx ry rz"),
    ("upperback", "lowerback", (0.0, 2.0, 0.0), "rx ry rz"),
    ("thorax", "upperback", (0.0, 2.0, 0.0), "rx ry rz"),
    ("lowerneck", "thorax", (0.0, 1.7, 0.0), "rx ry rz"),
    ("upperneck", "lowerneck", (0.0, 1.7, 0.0), "rx ry rz"),
    ("lclavicle", "thorax", (3.0, 1.0, 0.0), "ry rz"),
    ("lhumerus", "lclavicle", (5.0, 0.0, 0.0), "rx ry rz"),
    ("lradius", "lhumerus", (3.0, 0.0, 0.0), "rx"),
    ("lwrist", "lradius", (1.7, 0.0, 0.0), "ry"),
    ("rclavicle", "thorax", (-3.0, 1.0, 0.0), "ry rz"),
    ("rhumerus", "rclavicle", (-5.0, 0.0, 0.0), "rx ry rz"),
    ("rradius", "rhumerus", (-3.0, 0.0, 0.0), "rx"),
    ("rwrist", "rradius", (-1.7, 0.0, 0.0), "ry"),
)
REST_HEIGHT = 17.0


def skeleton_text() -> str:
    """An ``.asf`` file with an axis frame that differs from bone to bone."""
    lines = ["# made up", ":version 1.10", ":name VICON"]
    lines += [":units", "  mass 1.0", "  length 0.45", "  angle deg"]
    lines += [":documentation", "   begin and end with care (no section)"]
    lines += [":root", "   order TX TY TZ RX RY RZ", "   axis XYZ", "   position 0 0 0  "]
    lines += ["   orientation 0 0 0 ", ":bonedata"]
    for number, (name, _, vector, dof) in enumerate(BONES):
        length = float(np.linalg.norm(vector))
        direction = " ".join(f"{value / length:.9f}" for value in vector)
        lines += ["  begin", f"     id {number + 1}", f"     name {name}"]
        lines += [f"     direction {direction}", f"     length {length:.9f}"]
        lines += [f"     axis {7 * number} {-5 * number} {3 * number}   XYZ"]
        if dof:
            lines += [f"    dof {dof}", "    limits (-180.0 180.0)"]
            lines += ["           (-180.0 180.0)"] * (len(dof.split()) - 1)
        lines += ["  end"]
    lines += [":hierarchy", "  begin", "    root lhipjoint rhipjoint lowerback"]
    parents = dict.fromkeys(parent for _, parent, _, _ in BONES if parent != "root")
    for parent in parents:
        children = " ".join(name for name, above, _, _ in BONES if above == parent)
        lines += [f"    {parent} {children}"]
    return "\n".join([*lines, "  end", ""])


def motion_text(frames: int, angles: dict[str, tuple[float, ...]] | None = None) -> str:
    """An ``.amc`` file of a person who glides along z; ``angles`` holds for every frame."""
    lines = ["#!made up", ":FULLY-SPECIFIED", ":DEGREES"]
    angles = angles or {}
    for frame in range(frames):
        turn = " ".join(map(str, angles.get("root", (0.0, 0.0, 0.0))))
        lines += [str(frame + 1), f"root 0 {REST_HEIGHT} {0.1 * frame:.3f} {turn}"]
        for name, _, _, dof in BONES:
            if dof:
                values = angles.get(name, (0.0,) * len(dof.split()))
                lines += [f"{name} {' '.join(map(str, values))}"]
    return "\n".join([*lines, ""])


def write_subject(folder: Path, subject: str, takes: dict[str, int]) -> None:
    """Skeleton and motions (name -> frames at 120 Hz) of one subject below ``folder``."""
    (folder / subject).mkdir(parents=True)
    (folder / subject / f"{subject}.asf").write_text(skeleton_text())
    for name, frames in takes.items():
        (folder / subject / f"{name}.amc").write_text(motion_text(frames))


def archive_bytes(members: dict[str, str]) -> bytes:
    """A zip archive of text files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()
