"""Keeps libraries that multiply matrices to one thread each, where pieces are composed side by side in threads."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, BLAS as numba and SciPy call it works in the calling thread alone."""
    import scipy.linalg.cython_blas  # noqa: F401 (only what is loaded can be limited, and numba loads it late)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield
