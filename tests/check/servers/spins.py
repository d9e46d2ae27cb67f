"""Wrong: when there is no descriptor, it asks for one again at once, and again."""
import threading
from base import converse, listen

listener = listen()
while True:
    try:
        client = listener.accept()[0]
    except OSError:
        continue
    try:
        threading.Thread(target=converse, args=[client], daemon=True).start()
    except RuntimeError:
        client.close()
