"""Wrong: what it answers is no HTTP."""
from base import listen, read_head

listener = listen()
while True:
    client = listener.accept()[0]
    try:
        if read_head(client)[0] is not None:
            client.sendall(b"HTTP/1.1 2OO OK\r\nContent-Length: 3\r\n\r\nHi\n")
    except OSError:
        pass
    client.close()
