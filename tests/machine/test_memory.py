"""Freed memory is kept where the C library can be told so."""

import ctypes
import platform

from posekit.machine import memory


def test_freed_memory_is_kept_where_the_c_library_is_glibc():
    assert memory.keep_freed_memory() is (platform.libc_ver()[0] == "glibc")
    assert memory.keep_freed_memory() is (platform.libc_ver()[0] == "glibc")


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", None)  # must not be reached
    assert memory.keep_freed_memory() is False
