"""Keeps the memory that a training step frees for the next one. Knows nothing of training.

glibc gives large blocks back to the system as soon as they are freed, and every step then waits for fresh pages: for
small recurrent models a third of the time.
"""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, from malloc.h
_MOST = 1 << 30  # bytes


def keep_freed_memory() -> None:
    """From now on this process keeps what it frees, for itself; does nothing where the C library is another one."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return
    mallopt(_MMAP_THRESHOLD, _MOST)
    mallopt(_TRIM_THRESHOLD, _MOST)
