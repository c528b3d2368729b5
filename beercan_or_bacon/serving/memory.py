"""How much memory the page's process holds on to: numbers for glibc's malloc, and for Python's search for garbage.

What another C library makes of memory is its own affair: there, nothing is set.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc

# parameters of mallopt(3), from glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8


def while_loading() -> None:
    """Call before anything else is imported.

    By default there is a heap for each of many threads, and what each once held it keeps. What is made while the page
    starts is there to stay; looking for garbage in it takes a sixth of the time.
    """
    _tell_malloc({M_ARENA_MAX: 2})
    gc.disable()


def while_serving() -> None:
    """Call when all is loaded: loading takes longer so.

    What is larger than 1 MB goes back when it is done with, and so does the end of a heap from 128 KB on. A quarter of
    what the process holds at this moment is what loading the model took: it goes back now.
    """
    gc.freeze()
    gc.enable()
    _tell_malloc({M_MMAP_THRESHOLD: 1 << 20, M_TRIM_THRESHOLD: 1 << 17})
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _tell_malloc(numbers: dict[int, int]) -> None:
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library, or none to be had by no name
        for parameter, value in numbers.items():
            ctypes.CDLL(None).mallopt(parameter, value)
