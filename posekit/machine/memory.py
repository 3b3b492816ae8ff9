"""How the C library's allocator (glibc's malloc) treats memory that tensors have freed."""

import ctypes
import platform

# Parameters of mallopt(3), from malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


def keep_freed_memory() -> bool:
    """Let the process keep freed memory, so that the next activations need no fresh pages.

    glibc hands large freed blocks back to the system and fetches new, zeroed pages for the next
    tensor: every pass through a network pays for page faults again. Keeping them gained 8 % in
    float32 inference, 30 % in training and 10 % in bfloat16 inference (MixSTE, 243 frames, two
    cores). The process then stays as large as it once was, so this is called where a process of
    posekit's own begins: its command, its notebooks, the workers of a study.

    Returns:
        False where the C library is not glibc; nothing is changed then.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))
