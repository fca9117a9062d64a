"""Prints requests with the signatures that the SDK of Slack makes for them, as `vectors.json` has them.

`.ci/slack` compares the two; to make the file anew: `python vectors.py > vectors.json`.
"""

import json
from importlib.metadata import version
from urllib.parse import urlencode

from slack_sdk.signature import SignatureVerifier


class Clock:
    def __init__(self, now):
        self.seconds = now

    def now(self):
        return float(self.seconds)


def payload(**more):
    said = {
        "type": "block_actions",
        "team": {"id": "T0123", "domain": "ops"},
        "user": {"id": "U0456", "username": "bob", "team_id": "T0123"},
        "api_app_id": "A0123",
        "trigger_id": "1.2.3",
        "actions": [{"type": "button", "action_id": "approve", "value": "req_1_2"}],
    }
    return json.dumps({**said, **more})


SECRET = "the-signing-secret-of-no-app-0001"
CASES = [
    ("a button", SECRET, "1764000000", urlencode({"payload": payload()})),
    ("another secret", "0" * 32, "1764000000", urlencode({"payload": payload()})),
    ("another time", SECRET, "1764000001", urlencode({"payload": payload()})),
    ("letters beyond ASCII", SECRET, "1764000000", urlencode({"payload": payload(note="Grüße, 東京 \u202e😀")})),
    ("letters as they are", SECRET, "1764000000", "payload=" + payload(note="Grüße, 東京 😀")),
    ("no body", SECRET, "1764000000", ""),
    ("a time long ago", SECRET, "1", "payload=%7B%7D"),
    ("lines", SECRET, "1764000000", "payload=%7B%7D\r\n\r\n"),
]


def vector(name, secret, timestamp, body):
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    verifier = SignatureVerifier(secret, clock=Clock(int(timestamp)))
    assert verifier.is_valid(body=body, timestamp=timestamp, signature=signature)
    return {"name": name, "secret": secret, "timestamp": timestamp, "body": body, "signature": signature}


vectors = [vector(*case) for case in CASES]
print(json.dumps({"sdk": f"slack_sdk {version('slack_sdk')}", "vectors": vectors}, indent=2))
