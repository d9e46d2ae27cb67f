"""Wrong: one wait() for each SIGCHLD, and one SIGCHLD for many children."""
import os
import signal
from base import forks, listen

signal.signal(signal.SIGCHLD, lambda *_: os.wait())
forks(listen())
