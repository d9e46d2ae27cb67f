"""Wrong: it cannot bind its port again for a minute."""
from base import listen, threads

threads(listen(reuse=False))
