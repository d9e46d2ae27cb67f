"""Right: eight threads made once, each with one client at a time."""
import threading
from base import clients, converse, listen

listener = listen()


def work():
    for client in clients(listener):
        converse(client)


for _ in range(8):
    threading.Thread(target=work).start()
