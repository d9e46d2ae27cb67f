"""Wrong: it accepts, and says nothing."""
from base import listen

listener, clients = listen(), []
while True:
    clients.append(listener.accept()[0])
