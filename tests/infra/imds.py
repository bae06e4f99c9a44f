"""The instance metadata service of a spot machine, version 2, on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "a-token"


class Service:
    """Started by `with`; `take_away` gives the notice.

    Attributes:
        environment: what makes AWS tools ask this service.
    """

    def __init__(self):
        self.notice = None
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                asked = self.path == "/latest/api/token"
                lives = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
                self.answer(200 if asked and lives else 400, TOKEN)

            def do_GET(self):
                if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                    self.answer(401, "")
                elif self.path == "/latest/meta-data/spot/instance-action" and service.notice:
                    self.answer(200, json.dumps(service.notice))
                else:
                    self.answer(404, "")

            def answer(self, status, text):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        endpoint = f"http://127.0.0.1:{self.server.server_port}/"
        self.environment = {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint,
            "AWS_EC2_METADATA_DISABLED": "false",
        }

    def take_away(self):
        self.notice = {"action": "terminate", "time": "2026-11-23T09:00:00Z"}

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
