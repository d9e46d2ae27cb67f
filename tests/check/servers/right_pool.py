"""Right: eight threads made once, each with one client at a time."""
import threading
import time
from base import converse, listen

listener = listen()


def work():
    while True:
        try:
            client = listener.accept()[0]
        except OSError:
            time.sleep(0.01)
            continue
        converse(client)


for _ in range(8):
    threading.Thread(target=work).start()
