"""Right: a thread for each connection, which is kept."""
from base import listen, threads

threads(listen())
