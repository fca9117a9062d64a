// A receiver of web hooks, with the npm library of Standard Webhooks. Says its port, then a line for each request:
// whether the library verified it, and what the server said to the report that the library signed.
//
// SECRET is the shared secret (`whsec_…`), PUBLIC the public key that goes with the signing key (base64).
import crypto from "node:crypto";
import http from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.SECRET);
const prefix = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo of Ed25519, RFC 8410
const key = crypto.createPublicKey({
  key: Buffer.concat([prefix, Buffer.from(process.env.PUBLIC, "base64")]),
  format: "der",
  type: "spki",
});

function verified(body, headers) {
  try {
    webhook.verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

function ownVerified(body, headers) {
  const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  const found = headers["webhook-signature"].split(" ").find((it) => it.startsWith("v1a,"));
  return Boolean(found) && crypto.verify(null, signed, key, Buffer.from(found.slice(4), "base64"));
}

async function reported(url, call, id, secret) {
  const body = JSON.stringify({ call, result: "done by npm" });
  const now = new Date();
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": secret.sign(id, now, body),
    },
    body,
  });
  return answer.status;
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    const body = Buffer.concat(chunks).toString();
    const headers = request.headers;
    const told = JSON.parse(body);
    response.writeHead(204).end();
    const said = {
      id: headers["webhook-id"],
      type: told.type,
      verified: verified(body, headers),
      own_verified: ownVerified(body, headers),
      tampered: verified(body.replace("requirement", "Requirement"), headers),
    };
    if (told.data.report_url && told.type === "requirement.asked") {
      const stranger = new Webhook(`whsec_${Buffer.alloc(32, 9).toString("base64")}`);
      const { report_url: url, call } = told.data;
      said.forged = await reported(url, call.id, "msg_forged", stranger);
      said.elsewhere = await reported(url, call.id.replace(/.$/, (it) => (it === "0" ? "1" : "0")), "msg_else", webhook);
      said.reported = await reported(url, call.id, "msg_report", webhook);
      said.again = await reported(url, call.id, "msg_again", webhook);
    }
    console.log(JSON.stringify(said));
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.on("end", () => process.exit()).resume();
