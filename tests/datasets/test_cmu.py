"""CMU motion capture: Acclaim files, converted takes, the room, and the download."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from acclaim import REST_HEIGHT, archive_bytes, motion_text, skeleton_text, write_subject

from posekit.datasets import cmu, download, load_dataset
from posekit.datasets.asf_amc import UNIT, read_take
from posekit.datasets.checks import projection_mismatch
from posekit.datasets.download import download_cmu
from posekit.errors import DatasetNotFound, InvalidData
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.machine.storage import repository_root

JOINT = HUMAN36M_17.index


@pytest.fixture
def acclaim(tmp_path: Path) -> Path:
    """A data folder with a few Acclaim takes."""
    folder = tmp_path / "cmu" / "all_asfamc" / "subjects"
    write_subject(folder, "02", {"02_01": 300, "02_04": 240, "02_99": 240})
    write_subject(folder, "49", {"49_01": 300})
    return tmp_path


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    """A data folder with three converted takes."""
    rng = np.random.default_rng(0)
    rest = np.linspace([0, 0, 0.1], [0.3, 0.2, 1.6], 17)
    index, arrays = {}, {}
    for name, subject, group in (
        *(("02_01", "S02", "walk"), ("x_run_1", "X", "run"), ("01_01", "S01", "jump")),
    ):
        path = np.linspace([0, 0, 0], rng.uniform(-2, 2, 3) * [1, 1, 0], 150)
        arrays[name] = (rest + path[:, None]).astype(np.float32)
        index[name] = {"subject": subject, "group": group, "frames": 150}
    np.savez(tmp_path / "cmu_h36m17.npz", **arrays)
    (tmp_path / "cmu_h36m17.json").write_text(json.dumps({"clips": index}))
    return tmp_path


def take(tmp_path: Path, **angles: tuple[float, ...]) -> np.ndarray:
    skeleton, motion = tmp_path / "02.asf", tmp_path / "02_01.amc"
    skeleton.write_text(skeleton_text())
    motion.write_text(motion_text(241, angles))
    return read_take(motion, skeleton)


def test_a_person_at_rest_stands_upright_and_glides(tmp_path: Path) -> None:
    joints = take(tmp_path)
    assert joints.shape == (101, 17, 3)  # two seconds at 50 frames per second, both ends
    assert joints.dtype == np.float32
    # At rest a person of the data base faces +z with y up: here -y, with z up; left is +x.
    np.testing.assert_allclose(
        joints[0, JOINT("hip")], [0, 0, (REST_HEIGHT - 1.8) * UNIT], atol=1e-6
    )
    np.testing.assert_allclose(
        joints[0, JOINT("left foot"), 2], (17 - 1.8 - 14.5) * UNIT, atol=1e-6
    )
    assert joints[0, JOINT("left wrist"), 0] > joints[0, JOINT("left shoulder"), 0] > 0
    assert joints[0, JOINT("neck/nose"), 1] < -0.05
    speed = (joints[-1, 0, 1] - joints[0, 0, 1]) / 2
    assert speed == pytest.approx(-0.1 * 120 * UNIT, rel=1e-5)


def test_a_bone_turns_within_its_own_axis_frame(tmp_path: Path) -> None:
    # The femur is bone 1 of the file: axis angles 7, -5, 3 degrees about x, y, z.
    def turn(axis: str, degrees: float) -> np.ndarray:
        sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        matrix = np.eye(3)
        matrix[i, i] = matrix[j, j] = cosine
        matrix[j, i], matrix[i, j] = sine, -sine
        return matrix

    frame = turn("z", 3) @ turn("y", -5) @ turn("x", 7)
    motion = turn("z", 40) @ turn("y", 20) @ turn("x", -30)
    root = turn("z", 12) @ turn("y", 100) @ turn("x", -8)
    thigh = root @ frame @ motion @ frame.T @ np.array([0.0, -7.0, 0.0]) * UNIT
    joints = take(tmp_path, lfemur=(-30, 20, 40), root=(-8, 100, 12))
    found = joints[10, JOINT("left knee")] - joints[10, JOINT("left hip")]
    np.testing.assert_allclose(found, [thigh[0], -thigh[2], thigh[1]], atol=1e-6)


@pytest.mark.parametrize(
    ("skeleton", "motion", "message"),
    [
        ("", motion_text(10), "not a complete Acclaim skeleton"),
        (skeleton_text().replace("lwrist", "lhand"), motion_text(10), "lacks lwrist"),
        (skeleton_text(), motion_text(10)[:-20], "truncated"),
        (skeleton_text(), motion_text(10).replace("rfemur", "other"), "rfemur"),
        (skeleton_text(), motion_text(10).replace(" 17.0 ", " x "), "not the motion"),
        (skeleton_text(), ":FULLY-SPECIFIED\n", "truncated"),
    ],
)
def test_broken_acclaim_files_are_refused(
    tmp_path: Path, skeleton: str, motion: str, message: str
) -> None:
    (tmp_path / "a.asf").write_text(skeleton)
    (tmp_path / "a.amc").write_text(motion)
    with pytest.raises(InvalidData, match=message) as caught:
        read_take(tmp_path / "a.amc", tmp_path / "a.asf")
    assert "\n" not in str(caught.value)


def test_acclaim_folders_give_clips_of_the_listed_takes(acclaim: Path) -> None:
    dataset = load_dataset("cmu", "train", root=acclaim)
    assert [(clip.take, clip.action) for clip in dataset.clips[::4]] == [
        *(("02_01", "walk"), ("02_04", "jump")),
    ]
    assert dataset.clips[0].frames == 125
    assert load_dataset("cmu", "test", root=acclaim).subjects == ("S49",)


def test_converted_takes_give_clips_in_four_cameras(converted: Path) -> None:
    dataset = load_dataset("cmu", "train", root=converted, keypoints="gt")
    assert [clip.take for clip in dataset.clips] == ["02_01"] * 4 + ["x_run_1"] * 4
    assert dataset.subjects == ("S02", "X")
    assert dataset.evidence == "motion capture"
    assert cmu.ACKNOWLEDGEMENT in dataset.notes
    assert max(projection_mismatch(clip) for clip in dataset.clips) < 0.01
    assert load_dataset("cmu", "test", root=converted).subjects == ("S01",)


def test_motion_is_moved_and_turned_but_never_bent(converted: Path) -> None:
    recorded = np.load(converted / "cmu_h36m17.npz")["02_01"]
    clip = load_dataset("cmu", "train", root=converted).clips[0]
    placed = clip.camera.camera_to_world(clip.pose).numpy()
    middle = placed[:, 0, :2].max(0) + placed[:, 0, :2].min(0)
    np.testing.assert_allclose(middle, 0.0, atol=1e-4)
    np.testing.assert_allclose(placed[..., 2], recorded[..., 2], atol=1e-5)
    for other in (1, 10):
        distance = np.linalg.norm(placed[:, 0] - placed[::-1, other], axis=-1)
        expected = np.linalg.norm(recorded[:, 0] - recorded[::-1, other], axis=-1)
        np.testing.assert_allclose(distance, expected, atol=1e-5)


def test_detections_are_near_the_truth_and_the_same_every_time(converted: Path) -> None:
    first, again = (load_dataset("cmu", "train", root=converted) for _ in range(2))
    assert first.fingerprint == again.fingerprint
    error = [projection_mismatch(clip) for clip in first.clips]
    assert 1.0 < np.mean(error) < 8.0
    noisy = load_dataset("cmu", "train", root=converted, keypoints="noisy")
    assert np.mean([projection_mismatch(clip) for clip in noisy.clips]) > np.mean(error)
    assert noisy.fingerprint != first.fingerprint


def test_without_files_the_download_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound) as caught:
        load_dataset("cmu", "test", root=tmp_path)
    for part in ("posekit data download cmu", str(tmp_path), "mocap.cs.cmu.edu", "synthetic"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_converted_takes_need_their_index(converted: Path) -> None:
    path = converted / "cmu_h36m17.json"
    path.write_text('{"clips": {}}')
    with pytest.raises(InvalidData, match=r"take 02_01 is not in cmu_h36m17\.json"):
        load_dataset("cmu", "test", root=converted)
    path.write_text("{")
    with pytest.raises(InvalidData, match="not the index"):
        load_dataset("cmu", "test", root=converted)
    path.unlink()
    with pytest.raises(DatasetNotFound, match=r"cmu_h36m17\.json"):
        load_dataset("cmu", "test", root=converted)


def real_motion() -> Path | None:
    """The folder of the converted CMU takes, if this machine has them."""
    places = [os.environ.get("POSEKIT_DATA"), repository_root().parent / "shared" / "data"]
    folders = [Path(place) for place in places if place]
    return next((folder for folder in folders if cmu.find_converted(folder)), None)


@pytest.mark.skipif(real_motion() is None, reason="converted CMU motion is not on this machine")
def test_real_motion_is_complete_in_view_and_split_by_subject() -> None:
    train, test = (
        load_dataset("cmu", split, root=real_motion(), size="quick") for split in ("train", "test")
    )
    assert len(train.clips) == 111
    assert len(test.clips) == 8
    assert not set(train.subjects) & set(test.subjects)
    assert {"S02", "X"} <= set(train.subjects)
    in_view = [
        float((clip.keypoints[..., :2].abs() <= 1.0).float().mean())
        for clip in train.clips + test.clips
    ]
    assert min(in_view) > 0.97
    depth = torch.cat([clip.pose[:, 0, 2] for clip in train.clips])
    assert 1.5 < float(depth.min()) < float(depth.max()) < 9.0


PAYLOAD = archive_bytes(
    {
        "all_asfamc/subjects/02/02.asf": skeleton_text(),
        "all_asfamc/subjects/02/02_01.amc": motion_text(120),
        "all_asfamc/subjects/49/49.asf": skeleton_text(),
        "all_asfamc/subjects/49/49_01.amc": motion_text(120),
        "all_asfamc/subjects/77/77_01.amc": "not one of the takes that are read",
        "../../escape/subjects/02/../../02_02.amc": "a member that would leave the folder",
    }
)


class Server(BaseHTTPRequestHandler):
    """Serves a payload with range requests; cuts transfers and forgets ranges as it is told."""

    payload = PAYLOAD
    cuts: tuple[int, ...] = ()
    ranges = True
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        server = type(self)
        asked = self.headers.get("Range", "")
        server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-") or 0) if self.ranges else 0
        if self.path.endswith("missing.zip"):
            self.send_error(404)
            return
        if start and start >= len(self.payload):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.payload)}")
            self.end_headers()
            return
        body = self.payload[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            cut, *rest = server.cuts
            server.cuts = tuple(rest)
            body = body[:cut]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(**settings: object) -> Iterator[tuple[str, type[Server]]]:
    handler = type("Handler", (Server,), {"asked": [], **settings})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/allasfamc.zip", handler
        server.shutdown()


def test_the_download_gives_a_data_set(tmp_path: Path) -> None:
    lines: list[str] = []
    with serving() as (url, handler):
        folder = download_cmu(tmp_path, url=url, report=lines.append)
        assert download_cmu(tmp_path, url=url, report=lines.append) == folder
    assert handler.asked == [""]
    assert hashlib.sha256(PAYLOAD).hexdigest() in " ".join(lines)
    assert "nothing to do" in lines[-1]
    assert sorted(path.name for path in folder.glob("*/*")) == [
        *("02.asf", "02_01.amc", "49.asf", "49_01.amc"),
    ]
    assert load_dataset("cmu", "train", root=tmp_path).clips[0].take == "02_01"
    assert not list(tmp_path.rglob("*escape*"))
    assert not list(tmp_path.rglob("*.part"))


def test_a_cut_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with serving(cuts=(1000, 2500)) as (url, handler):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert handler.asked == ["", "bytes=1000-", "bytes=3500-"]
    assert (tmp_path / "cmu" / "allasfamc.zip").read_bytes() == PAYLOAD


def test_a_download_is_continued_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    with serving(cuts=(1500, 0, 0)) as (url, _):
        with pytest.raises(DatasetNotFound, match="cut at 1500 bytes"):
            download_cmu(tmp_path, url=url, report=lambda _: None)
        assert not (tmp_path / "cmu" / "allasfamc.zip").exists()
    with serving() as (url, handler):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert handler.asked == ["bytes=1500-"]


def test_a_server_without_ranges_is_read_from_the_start(tmp_path: Path) -> None:
    with serving(cuts=(1000,), ranges=False) as (url, _):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert (tmp_path / "cmu" / "allasfamc.zip").read_bytes() == PAYLOAD


def test_a_part_that_is_already_whole_is_taken(tmp_path: Path) -> None:
    (tmp_path / "cmu").mkdir()
    (tmp_path / "cmu" / "allasfamc.zip.part").write_bytes(PAYLOAD)
    with serving() as (url, _):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert (tmp_path / "cmu" / "allasfamc.zip").read_bytes() == PAYLOAD


def test_a_corrupt_archive_is_deleted_and_said(tmp_path: Path) -> None:
    damaged = bytearray(PAYLOAD)
    damaged[300] ^= 255
    with (
        serving(payload=bytes(damaged)) as (url, _),
        pytest.raises(InvalidData, match=r"corrupt.*run the same command again"),
    ):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_hash_that_is_given_must_hold(tmp_path: Path) -> None:
    with serving() as (url, _):
        with pytest.raises(InvalidData, match="expected 00ff"):
            download_cmu(tmp_path, url=url, expected_sha256="00ff", report=lambda _: None)
        assert not (tmp_path / "cmu" / "allasfamc.zip").exists()
        digest = hashlib.sha256(PAYLOAD).hexdigest()
        download_cmu(tmp_path, url=url, expected_sha256=digest, report=lambda _: None)


def test_a_missing_or_unreachable_archive_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    with serving() as (url, _):
        moved = url.replace("allasfamc", "missing")
        with pytest.raises(DatasetNotFound, match="the server answers 404"):
            download_cmu(tmp_path, url=moved, report=lambda _: None)
    with pytest.raises(DatasetNotFound, match="cut at 0 bytes; check the network"):
        download_cmu(tmp_path, url=url, report=lambda _: None)


def test_another_archive_is_refused(tmp_path: Path) -> None:
    with (
        serving(payload=archive_bytes({"readme.txt": "hello"})) as (url, _),
        pytest.raises(InvalidData, match="holds none of the takes"),
    ):
        download_cmu(tmp_path, url=url, report=lambda _: None)
