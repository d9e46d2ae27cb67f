"""Wrong: a worker that dies is not replaced."""
import os
from base import listen, serve

listener = listen()
for _ in range(4):
    if os.fork() == 0:
        while True:
            serve(listener.accept()[0])
for _ in range(4):
    os.wait()
