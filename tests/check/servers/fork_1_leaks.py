"""Wrong: the parent keeps its copy of each connection, so that none ends."""
import os
from base import listen, read_head

listener, kept = listen(), []
while True:
    client = listener.accept()[0]
    kept.append(client)
    if os.fork() == 0:
        listener.close()
        if read_head(client)[0] is not None:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\nHello, World!\n")
        os._exit(0)
