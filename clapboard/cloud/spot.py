"""The notice that EC2 gives two minutes before it takes a spot machine away.

Read from the instance metadata service, version 2. `AWS_EC2_METADATA_SERVICE_ENDPOINT` and
`AWS_EC2_METADATA_DISABLED` mean what they mean to every AWS tool.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request

ENDPOINT = "http://169.254.169.254"
TOKEN_SECONDS = 600
PATIENCE_SECONDS = 2.0


class SpotNotice:
    """Asks for the notice; where nobody answers at the start, as away from EC2, it asks no more.

    Attributes:
        silence: why no notice will be seen; empty when there is somebody who gives it.
    """

    def __init__(self) -> None:
        self.endpoint = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", ENDPOINT).rstrip("/")
        disabled = os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
        # The service is on the machine itself: a proxy must not be asked.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        if disabled:
            self.silence = "AWS_EC2_METADATA_DISABLED is true"
        else:
            self.silence = "" if self._token() else f"nobody answers at {self.endpoint}"

    def given(self) -> str:
        """What will happen and when, such as ``terminate at 2026-11-23T09:00:00Z``; else empty."""
        token = None if self.silence else self._token()
        if token is None:
            return ""
        headers = {"X-aws-ec2-metadata-token": token}
        said = self._ask("GET", "/latest/meta-data/spot/instance-action", headers)
        try:
            notice = json.loads(said or "{}")
            return f"{notice['action']} at {notice['time']}" if notice else ""
        except (ValueError, KeyError, TypeError):
            return f"taken away ({said!r})"

    def _token(self) -> str | None:
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
        return self._ask("PUT", "/latest/api/token", headers)

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> str | None:
        """The answer; None when there is none (404: no notice)."""
        request = urllib.request.Request(self.endpoint + path, method=method, headers=headers)
        try:
            with self._opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                return answer.read(10_000).decode(errors="replace")
        except OSError:
            return None
