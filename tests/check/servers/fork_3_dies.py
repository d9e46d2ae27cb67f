"""Wrong: the handler waits until there is no child left, and the server dies of the error that says
so. Python itself goes on after EINTR (PEP 475), but not after an exception in a handler."""
import os
import signal
from base import converse, listen


def reap(*_):
    while os.waitpid(-1, os.WNOHANG)[0]:
        pass


signal.signal(signal.SIGCHLD, reap)
listener = listen()
while True:
    client = listener.accept()[0]
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        listener.close()
        converse(client)
        os._exit(0)
    client.close()
