"""Right: three processes, each of which waits for many clients, and a parent that replaces the
dead."""
import os
from base import listen
from right_loop import loop

listener = listen()


def work():
    if os.fork() == 0:
        loop(listener)


for _ in range(3):
    work()
while True:
    os.wait()
    work()
