"""Right: three processes, each of which waits for many clients on a listening socket of its own."""
import os
import socket
import sys
from right_loop import loop

for _ in range(3):
    if os.fork() == 0:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", int(sys.argv[1])))
        listener.listen(1024)
        loop(listener)
os.wait()
