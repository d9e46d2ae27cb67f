"""Wrong: when there is no descriptor, it ends."""
from base import listen, thread_for

listener = listen()
while True:
    thread_for(listener.accept()[0])
