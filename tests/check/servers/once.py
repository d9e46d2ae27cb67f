"""Wrong: it serves one client and ends."""
from base import listen, serve

serve(listen().accept()[0])
