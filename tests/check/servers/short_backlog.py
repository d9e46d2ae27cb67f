"""Wrong: room for five clients who have not been accepted yet."""
from base import listen, threads

threads(listen(backlog=5))
