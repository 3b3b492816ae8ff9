"""Freed memory is kept inside a block, and given back at its end."""

import ctypes
import platform
import subprocess
import sys

import pytest

from posekit.machine import memory

MEASURE = """
from pathlib import Path
import torch
from posekit.machine.memory import freed_memory_kept

def resident():  # MB
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

before = resident()
with freed_memory_kept():
    with freed_memory_kept():
        tensors = [torch.ones(2**20) for _ in range(100)]
        tensors += [torch.ones(12 * 2**20)]
        del tensors
    print(resident() - before)
print(resident() - before)
# Larger than all that was freed together: a hole of the heap cannot serve it, and stay.
kept = [torch.ones(120 * 2**20)]
del kept
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_kept_until_the_outer_block_ends():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True)
    inside, after, later = map(float, done.stdout.split())
    assert inside > 400
    assert after < 40
    assert later < 40


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", None)  # must not be reached
    with memory.freed_memory_kept():
        pass
