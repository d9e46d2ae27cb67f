"""Right, and iterative."""
from base import listen, serve

listener = listen()
while True:
    serve(listener.accept()[0])
