"""Wrong: nobody waits for the children."""
from base import forks, listen

forks(listen())
