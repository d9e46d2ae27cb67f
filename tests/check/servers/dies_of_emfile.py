"""Wrong: when there is no descriptor, it ends."""
import threading
from base import converse, listen

listener = listen()
while True:
    client = listener.accept()[0]
    try:
        threading.Thread(target=converse, args=[client], daemon=True).start()
    except RuntimeError:
        client.close()
