"""Wrong: a fork that fails ends the server."""
import os
import signal
from base import converse, listen

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = listen()
while True:
    client = listener.accept()[0]
    if os.fork() == 0:
        listener.close()
        converse(client)
        os._exit(0)
    client.close()
