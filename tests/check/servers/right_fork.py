"""Right: a child for each connection, and all of them waited for."""
import os
import signal
from base import forks, listen


def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


signal.signal(signal.SIGCHLD, reap)
forks(listen())
