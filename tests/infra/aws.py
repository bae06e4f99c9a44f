"""AWS's names for S3 on loopback: regions that send away, in front of a real server.

Clients find it as their proxy and trust its certificate, so that they talk to
`s3.eu-central-1.amazonaws.com` by TLS, with what they would send there.
"""

import os
import re
import ssl
import subprocess

from faults import Proxy

SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/s3/")
REFUSAL = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>{code}</Code><Message>Not here.</Message><Region>{region}</Region></Error>"""


def certificate(folder):
    """A certificate for the names of S3 that are used here, and its key; in one file."""
    names = [
        "s3.amazonaws.com",
        "s3.eu-central-1.amazonaws.com",
        "bucket.vpce-1a2b.s3.eu-central-1.vpce.amazonaws.com",
    ]
    file = folder / "aws.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=loopback", "-keyout", file, "-out", folder / "certificate.pem",
         "-addext", "basicConstraints=critical,CA:FALSE",
         "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    file.write_bytes(file.read_bytes() + (folder / "certificate.pem").read_bytes())
    return file


class Aws(Proxy):
    """Serves buckets of one region; tells the region to who asks in another, as S3 does.

    Attributes:
        hosts: which host each request was for.
        environment: that leads clients here.
    """

    def __init__(self, target, region, folder):
        super().__init__(target, lambda method, path: None)
        self.region, self.hosts = region, []
        self.added["x-amz-bucket-region"] = region
        file = certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        paths = folder / "aws-config"
        paths.write_text("[default]\ns3 =\n  addressing_style = path\n")
        trusted = os.fspath(folder / "certificate.pem")
        self.environment = {
            "HTTPS_PROXY": self.endpoint,
            "AWS_CA_BUNDLE": trusted,
            "SSL_CERT_FILE": trusted,
            "AWS_CONFIG_FILE": os.fspath(paths),
        }

        def tunnel(handler):
            handler.send_response(200)
            handler.end_headers()
            handler.request = context.wrap_socket(handler.request, server_side=True)
            handler.setup()
            handler.close_connection = False

        self.server.RequestHandlerClass.do_CONNECT = tunnel

    def serve(self, handler):
        host = handler.headers["Host"]
        self.hosts.append(host)
        signed = SIGNED_FOR.search(handler.headers.get("Authorization", ""))
        if signed and signed[1] == self.region:
            super().serve(handler)
            return
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        here = self.region in host
        code = "AuthorizationHeaderMalformed" if here else "PermanentRedirect"
        text = REFUSAL.format(code=code, region=self.region).encode()
        handler.send_response(400 if here else 301)
        handler.send_header("x-amz-bucket-region", self.region)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(text)
