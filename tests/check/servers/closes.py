"""Wrong: a connection for each request."""
from base import listen, serve, threads

threads(listen(), serve)
