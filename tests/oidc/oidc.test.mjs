// Single sign-on against a provider that others wrote: oidc-provider, in a real browser.
//
//   PROGRAM=target/debug/helpdesk node --test oidc.test.mjs

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { audience, provider, tokens } from "./provider.mjs";

const program = resolve(process.env.PROGRAM ?? "../../target/debug/helpdesk");
const flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"];

let browser, idp, server, data, key;

function command(...words) {
  return new Promise((done) => {
    const child = spawn(program, ["--data", data, "--json", ...words]);
    let out = "";
    child.stdout.on("data", (it) => (out += it));
    child.once("exit", () => done(JSON.parse(out)));
  });
}

async function serve() {
  const words = ["--data", data, "--json", "serve", "--listen", "127.0.0.1:0", "--rate", "1000"];
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
  const said = await new Promise((done, failed) => {
    createInterface({ input: child.stdout }).once("line", done);
    child.once("exit", (code) => failed(new Error(`serve ended with ${code}`)));
  });
  const over = new Promise((done) => child.once("exit", done));
  return { url: JSON.parse(said).url, stop: async () => (child.kill("SIGTERM"), await over) };
}

const api = (path, token, body) =>
  fetch(`${server.url}${path}`, {
    method: body ? "POST" : "GET",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });

before(async () => {
  data = mkdtempSync(join(tmpdir(), "countersign-oidc-"));
  idp = await provider();
  const config = `[oidc]
issuer = "${idp.issuer}"
audience = "${audience}"
client_id = "console"
client_secret = { env = "OIDC_SECRET" }
roles_claim = "groups"
roles = { "team-leads" = "lead" }
provision = true
provision_beside = ["alice", "bob", "olivia"]
actor_claim = "preferred_username"
`;
  writeFileSync(join(data, "serve.toml"), config);
  process.env.OIDC_SECRET = "a secret: with +, &, % and =";
  key = (await command("key", "create", "--actor", "alice")).secret;
  server = await serve();
  idp.begin(`${server.url}/sign-in/oidc/callback`);
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: flags });
});

after(async () => {
  await browser?.close();
  if (server) assert.equal(await server.stop(), 0);
  if (idp?.said.length) console.log("the provider refused:", idp.said);
  await idp?.stop();
  rmSync(data, { recursive: true, force: true });
});

/** Somebody who opens the console and signs in at the provider. */
async function person(account) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  await page.goto(`${server.url}/`);
  await page.getByRole("link", { name: "single sign-on" }).click();
  await page.getByPlaceholder("Enter any login").fill(account);
  await page.getByPlaceholder("and password").fill("x");
  const asked = page.waitForRequest((it) => it.url().startsWith(`${server.url}/sign-in/oidc/callback`));
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL(`${server.url}/`);
  return { context, page, back: (await asked).url() };
}

/** A call of alice, confirmed, that asks the leads. */
async function proposed() {
  const opened = await api("/v1/tools/wipe_device/calls", key, { arguments: { device: "LAPTOP-7" } });
  assert.equal(opened.status, 202);
  const { call, requirements } = await opened.json();
  const confirm = { decision: "confirm" };
  assert.equal((await api(`/v1/requirements/${requirements[0].id}/decisions`, key, confirm)).status, 202);
  const shown = await (await api(`/v1/calls/${call}`, key)).json();
  return { call, asked: shown.answer.requirements[0].id };
}

test("a lead of the provider signs in and approves; one who is none sees nothing", { timeout: 120_000 }, async () => {
  idp.puts("zoe", "team-leads", "operator");
  const { call } = await proposed();
  const zoe = await person("zoe");
  await zoe.page.goto(`${server.url}/calls/${call}`);
  await zoe.page.getByRole("button", { name: "Approve" }).first().click();
  await zoe.page.getByText("zoe@id").first().waitFor();
  const shown = await (await api(`/v1/calls/${call}`, key)).json();
  assert.notEqual(shown.phase, "approve", JSON.stringify(shown));
  const mike = await person("mike");
  const { call: next } = await proposed();
  assert.equal((await mike.page.goto(`${server.url}/calls/${next}`)).status(), 404);
  // Who comes back a second time, or from another browser, gets no session.
  for (const context of [zoe.context, await browser.newContext()]) {
    const page = await context.newPage();
    const answer = await page.goto(zoe.back);
    assert.equal(answer.status(), 401);
  }
  const log = (await command("audit", "log", "--limit", "200")).items;
  const kinds = log.map((it) => it.kind);
  assert.ok(kinds.includes("actor.lent") && kinds.includes("session.opened"), kinds.join(" "));
  assert.ok(!JSON.stringify(log).includes('"zoe"'), "the log names no subject");
  await zoe.context.close();
  await mike.context.close();
});

test("an access token of the provider counts, and its ID token does not", { timeout: 60_000 }, async () => {
  idp.puts("carl", "team-leads");
  const { access, id } = await tokens(idp.issuer, "carl");
  const { asked } = await proposed();
  const decide = (token) => api(`/v1/requirements/${asked}/decisions`, token, { decision: "approve" });
  assert.equal((await decide(id)).status, 401);
  const cut = access.slice(0, -6);
  assert.equal((await decide(cut)).status, 401);
  const answer = await decide(access);
  assert.ok([200, 202].includes(answer.status), `${answer.status} ${await answer.text()}`);
  // The group is gone: the next token says so.
  idp.puts("carl");
  const later = await tokens(idp.issuer, "carl");
  const { asked: other } = await proposed();
  const refused = await api(`/v1/requirements/${other}/decisions`, later.access, { decision: "approve" });
  assert.equal(refused.status, 404);
});
