"""Right: whoever ignores SIGCHLD has no zombies, for the kernel reaps (wait(2), NOTES)."""
import signal
from base import forks, listen

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
forks(listen())
