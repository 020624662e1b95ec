"""Runs a command in a process group of its own, and leaves nothing of it behind.

Standard input is the leash: the line "stop" asks the command to end; the end of the input, which also comes when the
process at its other end is killed, kills the whole group at once.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1  # prctl(2)
libc = ctypes.CDLL(None)


def end_with_us():
    """Has the system kill the command when this process is killed, and nobody holds the leash any more."""
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=end_with_us)


def signal_group(number):
    try:
        os.killpg(command.pid, number)
    except ProcessLookupError:
        pass


def hold_leash():
    for line in sys.stdin.buffer:
        if line.strip() == b"stop":
            signal_group(signal.SIGTERM)
    signal_group(signal.SIGKILL)


threading.Thread(target=hold_leash, daemon=True).start()
code = command.wait()
signal_group(signal.SIGKILL)
sys.exit(code if code >= 0 else 128 - code)
