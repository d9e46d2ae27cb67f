"""Wrong: it answers with an error of its own."""
from base import listen, read_head

listener = listen()
while True:
    client = listener.accept()[0]
    if read_head(client)[0] is not None:
        client.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
    client.close()
