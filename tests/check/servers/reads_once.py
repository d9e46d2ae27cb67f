"""Wrong: it takes what one recv() brings for the request. Many a first server does."""
from base import listen

listener = listen()
while True:
    client = listener.accept()[0]
    try:
        request = client.recv(1024)
        client.sendall(b"HTTP/1.1 200 OK\n\nHello, World!\n")
    except OSError:
        pass
    client.close()
