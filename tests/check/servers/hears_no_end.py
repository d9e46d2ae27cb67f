"""Wrong: SIGTERM is caught, and nothing comes of it."""
import signal
import threading
import time
from base import converse, listen

signal.signal(signal.SIGTERM, lambda *_: None)
listener = listen()
while True:
    try:
        client = listener.accept()[0]
    except OSError:
        time.sleep(0.01)
        continue
    try:
        threading.Thread(target=converse, args=[client], daemon=True).start()
    except RuntimeError:
        client.close()
