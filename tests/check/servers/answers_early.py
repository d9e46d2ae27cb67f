"""Wrong: it answers whoever connects, and closes, without a look at the request."""
from base import answer_to, listen

listener = listen()
while True:
    client = listener.accept()[0]
    try:
        client.sendall(answer_to(b"GET / HTTP/1.1"))
    except OSError:
        pass
    client.close()
