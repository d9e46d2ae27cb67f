"""Right: four workers that all accept, and a parent that replaces the dead."""
import os
from base import listen, serve

listener = listen()


def work():
    if os.fork() == 0:
        while True:
            serve(listener.accept()[0])


for _ in range(4):
    work()
while True:
    os.wait()
    work()
