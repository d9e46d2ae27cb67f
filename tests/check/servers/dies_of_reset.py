"""Wrong: what goes wrong with one client ends the server."""
from base import answer_to, listen, read_head

listener = listen()
while True:
    client = listener.accept()[0]
    head, _ = read_head(client)
    if head is not None:
        client.sendall(answer_to(head))
    client.close()
