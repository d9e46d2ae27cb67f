"""Wrong: SIGTERM is caught, and nothing comes of it."""
import signal
from base import clients, listen, thread_for

signal.signal(signal.SIGTERM, lambda *_: None)
for client in clients(listen()):
    thread_for(client)
