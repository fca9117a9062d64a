"""A receiver of web hooks, with the PyPI library of Standard Webhooks. Says its port, then a line for each request:
whether the library verified it, and what the server said to the report that the library signed.

SECRET is the shared secret (`whsec_…`).
"""

import base64
import json
import os
import sys
import threading
import urllib.error
import urllib.request
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

WEBHOOK = Webhook(os.environ["SECRET"])


def say(what):
    print(json.dumps(what), flush=True)


def verified(body, headers):
    try:
        WEBHOOK.verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


def reported(url, call, message, webhook):
    body = json.dumps({"call": call, "result": "done by PyPI"})
    now = datetime.now(tz=timezone.utc)
    headers = {
        "content-type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": webhook.sign(message, now, body),
    }
    request = urllib.request.Request(url, body.encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = json.loads(body)
        self.send_response(204)
        self.end_headers()
        self.wfile.flush()
        said = {
            "id": headers["webhook-id"],
            "type": told["type"],
            "verified": verified(body, headers),
            "tampered": verified(body.replace("requirement", "Requirement"), headers),
        }
        if "report_url" in told["data"] and told["type"] == "requirement.asked":
            stranger = Webhook("whsec_" + base64.b64encode(bytes([9] * 32)).decode())
            url, call = told["data"]["report_url"], told["data"]["call"]["id"]
            other = call[:-1] + ("1" if call[-1] == "0" else "0")
            said["forged"] = reported(url, call, "msg_forged", stranger)
            said["elsewhere"] = reported(url, other, "msg_else", WEBHOOK)
            said["reported"] = reported(url, call, "msg_report", WEBHOOK)
            said["again"] = reported(url, call, "msg_again", WEBHOOK)
        say(said)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
say({"port": server.server_port})
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
