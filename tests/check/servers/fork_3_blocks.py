"""Wrong: the handler waits for all children, for those too that live: one silent client stops it."""
import os
import signal
from base import forks, listen


def reap(*_):
    try:
        while os.wait():
            pass
    except ChildProcessError:
        pass


signal.signal(signal.SIGCHLD, reap)
forks(listen())
