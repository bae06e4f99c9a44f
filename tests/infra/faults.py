"""A proxy on loopback that answers as S3 does on a bad day."""

import hashlib
import http.client
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SLOW_DOWN = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"""

NOT_IMPLEMENTED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>NotImplemented</Code><Message>A header is not implemented.</Message></Error>"""

REFUSED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>"""

ANSWERS = {"503": SLOW_DOWN, "403": REFUSED, "501": NOT_IMPLEMENTED}

OBJECT = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
TAG = re.compile(rb"[0-9a-f]{32}")


def with_another_tag(entry):
    tag = hashlib.md5(entry[0]).hexdigest().encode()
    return TAG.sub(tag, entry[0])


def unchunked(stream):
    """A body in chunks, as boto3 sends it by TLS."""
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body


def killing(server, number, of=lambda method, path: True):
    """A fault: a server is killed by a request, and nothing gets through from then on.

    Args:
        server: to be killed.
        number: of the request, from 1, among those that count.
        of: which those are.
    """
    seen = []

    def fault(method, path):
        if of(method, path):
            seen.append(path)
            if len(seen) == number:
                server.kill()
        return "drop" if len(seen) >= number else None

    return fault


def is_put_of_picture(method, path):
    return method == "PUT" and path.endswith(".jpg")


class Proxy:
    """Passes requests on to `target`; `fault(method, path)` may name what goes wrong instead.

    Faults: ``"503"`` asks for patience, ``"403"`` and ``"501"`` refuse for good, ``"cut"`` drops
    the connection in the middle of the answer's body, ``"drop"`` drops it before any answer,
    ``"damage"`` changes a byte of what is sent, a number is seconds of delay. With `pace`, bodies
    pass in ten pieces, so many seconds before each, and the connection takes as little ahead as one
    to a distant server: loopback takes megabytes.

    With `tags_say_nothing`, entity tags in listings are as under a KMS key: another for every
    object, and no digest of its content.

    Attributes:
        requests: method and path of each.
        headers: of each.
        added: headers that every answer of the target gets besides its own.
    """

    def __init__(self, target, fault, pace=0.0, tags_say_nothing=False):
        self.target = urlsplit(target).netloc
        self.fault, self.pace, self.tags_say_nothing = fault, pace, tags_say_nothing
        self.requests, self.headers, self.added = [], [], {}
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def handle_any(self):
                proxy.serve(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

        class QuietServer(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        if pace:
            self.server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def serve(self, handler):
        self.requests.append((handler.command, handler.path))
        self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        if handler.headers.get("Transfer-Encoding") == "chunked":
            body = unchunked(handler.rfile)
            handler.headers["Content-Length"] = str(len(body))
        else:
            length = int(handler.headers.get("Content-Length") or 0)
            body = b"".join(self.paced(length, handler.rfile.read))
        fault = self.fault(handler.command, handler.path)
        if isinstance(fault, int | float):
            time.sleep(fault)
        elif fault in ANSWERS:
            handler.send_response(int(fault))
            handler.send_header("Content-Type", "application/xml")
            handler.send_header("Content-Length", str(len(ANSWERS[fault])))
            handler.end_headers()
            handler.wfile.write(ANSWERS[fault])
            return
        elif fault == "drop":
            handler.close_connection = True
            return
        elif fault == "damage":
            # In the middle: at its end a body may have the checksum, not content.
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        connection = http.client.HTTPConnection(self.target, timeout=30)
        connection.putrequest(
            handler.command, handler.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in handler.headers.items():
            if name.lower() != "transfer-encoding":
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        if self.tags_say_nothing and handler.command == "GET" and "list-type" in handler.path:
            data = OBJECT.sub(with_another_tag, data)
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                handler.send_header(name, value)
        for name, value in self.added.items():
            handler.send_header(name, value)
        declared = answer.getheader("Content-Length") if handler.command == "HEAD" else len(data)
        handler.send_header("Content-Length", str(declared))
        handler.end_headers()
        if fault == "cut":
            handler.wfile.write(data[: len(data) // 2])
            handler.close_connection = True
        elif handler.command != "HEAD":
            left = memoryview(data)
            for size in self.paced(len(data), int):
                handler.wfile.write(left[:size])
                left = left[size:]
        connection.close()

    def paced(self, length, pass_on):
        """What `pass_on` gives for each piece of a body, by its size."""
        size = -(-length // 10) if self.pace else length
        while length:
            time.sleep(self.pace)
            size = min(size, length)
            yield pass_on(size)
            length -= size
