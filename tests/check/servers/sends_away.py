"""Iterative, but whoever says nothing for a moment is sent away: others are served soon, and that is
no concurrency."""
from base import listen, serve

listener = listen()
while True:
    client = listener.accept()[0]
    client.settimeout(0.3)
    serve(client)
