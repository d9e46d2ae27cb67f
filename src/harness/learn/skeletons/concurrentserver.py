# Rung 4, concurrentserver: close the duplicates on both sides.
import os
import socket
import sys

# How many connections wait for us in the kernel: a long backlog is no second server.
BACKLOG = 1024
ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello, World!\n"


def answer(client):
    """Reads one request to the empty line behind its head, and answers it."""
    head = b""
    try:
        while b"\r\n\r\n" not in head:
            piece = os.read(client, 4096)
            head += piece
            if not piece or len(head) > 65536:
                return
        os.write(client, ANSWER)
    except OSError:
        pass  # This client is gone; there are others.


port = int(sys.argv[1]) if len(sys.argv) > 1 else 8888
listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)  # with SO_REUSEADDR
print(f"concurrentserver: serving http://127.0.0.1:{port}/ (pid {os.getpid()})", flush=True)
while True:
    # From here on descriptors are plain numbers, as in C: nobody closes them but us.
    client = listener.accept()[0].detach()
    # fork doubles both descriptors; each side closes the one it does not serve. A socket is closed,
    # and its FIN sent, when the last copy is.
    if os.fork() == 0:
        listener.close()
        answer(client)
        os._exit(0)
    os.close(client)
