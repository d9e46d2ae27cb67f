"""What every rung serves, for servers that call an application: wsgi (PEP 3333) and asgi."""

import asyncio
import time


def asked(path):
    """The work that a path names, and how much of it."""
    name, _, number = path[1:].partition("/")
    if path in ("/", "/hello"):
        return "hello", 0
    if name in ("sleep", "burn", "bytes") and number.isdigit():
        return name, int(number)
    return "unknown", 0


def burn(milliseconds):
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        pass


def answer(work, number):
    if work == "unknown":
        return 404, b"there is nothing here\n"
    return 200, b"x" * number if work == "bytes" else b"Hello, World!"


def wsgi(environ, start_response):
    work, number = asked(environ["PATH_INFO"])
    if work == "sleep":
        time.sleep(number / 1000)
    elif work == "burn":
        burn(number)
    status, content = answer(work, number)
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(content)))]
    start_response("200 OK" if status == 200 else "404 Not Found", fields)
    return [content]


async def asgi(scope, receive, send):
    work, number = asked(scope["path"])
    if work == "sleep":
        await asyncio.sleep(number / 1000)
    elif work == "burn":
        burn(number)
    status, content = answer(work, number)
    fields = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": content})
