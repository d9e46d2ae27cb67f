"""Right: the grandchild serves, and is an orphan that another process reaps."""
import os
from base import clients, converse, listen

listener = listen()
for client in clients(listener):
    try:
        child = os.fork()
    except OSError:
        client.close()  # No process for this client.
        continue
    if child == 0:
        try:
            if os.fork() == 0:
                listener.close()
                converse(client)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    client.close()
