"""A limit of time and memory on a step of packaging that something else can be done instead of."""

import contextlib
import os
import signal
import threading
import time

TICK = 0.2


class Spent(BaseException):
    """The budget is spent; the text is part of a sentence. Not an `Exception`: what tries one way after the other must not go on."""


@contextlib.contextmanager
def within(seconds, memory):
    """Raises `Spent` in what takes longer, or makes this process so many bytes larger.

    It looks at both every now and then, which it can do while Python computes; what computes in C is looked at once it is back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    end, most = time.monotonic() + seconds, _resident() + memory

    def look(*_):
        if time.monotonic() > end:
            raise Spent(f"it takes longer than {max(seconds, 1):.0f} s")
        if _resident() > most:
            raise Spent(f"it takes more than {memory >> 20:,} MiB of memory")

    handler = signal.signal(signal.SIGALRM, look)
    timer = signal.setitimer(signal.ITIMER_REAL, TICK, TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def _resident():
    """How much memory this process takes, in bytes: the second field of `proc_pid_statm(5)`."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
