"""Wrong: when there is no descriptor, it asks for one again at once, and again."""
from base import listen, thread_for

listener = listen()
while True:
    try:
        thread_for(listener.accept()[0])
    except OSError:
        pass
