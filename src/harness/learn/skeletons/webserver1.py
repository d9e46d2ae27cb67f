# Rung 0, webserver1: the shortest server that a browser accepts.
import os
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello, World!"

port = int(sys.argv[1]) if len(sys.argv) > 1 else 8888
listener = socket.create_server(("127.0.0.1", port), backlog=128)  # with SO_REUSEADDR
print(f"webserver1: serving http://127.0.0.1:{port}/ (pid {os.getpid()})", flush=True)
while True:
    client, _ = listener.accept()
    try:
        # Whether that was the whole request, or a request at all, nobody asks. Rung 1 does.
        client.recv(1024)
        client.sendall(ANSWER)
    except OSError:
        pass  # This client is gone; there are others.
    client.close()
