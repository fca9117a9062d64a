// The console in a real browser: what a newcomer does, and what somebody does who wants to deceive them.
//
//   PROGRAM=target/debug/helpdesk node --test console.test.mjs
//   SCREENSHOTS=DIR … also keeps pictures of every page there

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { launch, person, serve, sizes, violations } from "./world.mjs";

const program = resolve(process.env.PROGRAM ?? "../../target/debug/helpdesk");
const pictures = process.env.SCREENSHOTS;
const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>{{7*7}}"\'';
const bidi = "pay\u202e001\u2066 \u200bto\u{e0041} bob\u001b[2J";

let browser;
before(async () => (browser = await launch()));
after(async () => await browser.close());

/** Runs a story on a server of its own. */
function story(name, tell) {
  test(name, { timeout: 120_000 }, async () => {
    const server = await serve(program);
    const people = [];
    const meet = async (actor, options) => {
      const met = await person(browser, server, actor, options);
      people.push(met);
      return Object.assign(met.page, { wrong: met.wrong });
    };
    try {
      await tell({ server, meet });
      // Nothing of ours breaks its own policy or fails in a script.
      // (htmx reports the event of a stream that ends with its page or its session.)
      const wrong = people.flatMap((it) => it.wrong).filter((it) => !/status of 4\d\d|\[object Event\]/.test(it));
      assert.deepEqual(wrong, []);
    } finally {
      for (const it of people) await it.context.close();
      assert.equal(await server.stop(), 0);
    }
  });
}

async function picture(page, name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

/** Proposes a call as whoever is signed in. */
async function call(page, server, tool, values) {
  await page.goto(`${server.url}/tools/${tool}`);
  for (const [name, value] of Object.entries(values)) await page.getByLabel(name, { exact: true }).fill(value);
  await page.getByRole("button", { name: "Call", exact: true }).click();
}

const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const standing = (page, words) => page.locator("#standing", { hasText: words }).waitFor();

for (const [size, options] of Object.entries(sizes)) {
  story(`a newcomer is in within seconds, at ${size} width`, async ({ server, meet }) => {
    const alice = await meet("alice", options);
    const bob = await meet("bob", options);
    await bob.getByText("Nothing waits for your").waitFor();
    await bob.evaluate(() => (window.neverReloaded = true));
    await picture(bob, `${size}-inbox-empty`);
    await call(alice, server, "wipe_device", { device: "LAPTOP-7" });
    await alice.getByRole("heading", { name: "Do you want this?" }).waitFor();
    await picture(alice, `${size}-confirm`);
    const said = alice.waitForResponse((it) => it.url().includes("/confirm"));
    await press(alice, "Confirm");
    const since = Date.now();
    await bob.getByRole("link", { name: /wipe_device/ }).waitFor({ timeout: 5_000 });
    const took = Date.now() - since;
    assert.ok(took < 1_000, `it took ${took} ms until it stood in the other inbox`);
    assert.equal(await bob.evaluate(() => window.neverReloaded), true);
    await said;
    await picture(bob, `${size}-inbox`);
    await bob.getByRole("link", { name: /wipe_device/ }).click();
    await bob.getByRole("heading", { name: "Do you approve this?" }).waitFor();
    await picture(bob, `${size}-approve`);
    await alice.getByText("Waits for others").waitFor();
    await alice.evaluate(() => (window.neverReloaded = true));
    await bob.getByLabel("Reason optional", { exact: true }).fill("ticket 81");
    await press(bob, "Approve");
    await bob.getByText("You approved it.").waitFor();
    await standing(bob, "Done");
    // Whoever asked sees it run, without doing anything.
    await standing(alice, "Done");
    assert.equal(await alice.evaluate(() => window.neverReloaded), true);
    await alice.getByText("approved for leads: “ticket 81”").waitFor();
    await alice.getByText("It ran. This is what it returned.").waitFor();
    await picture(alice, `${size}-done`);
  });
}

story("all of it works without a script", async ({ server, meet }) => {
  const options = { javaScriptEnabled: false };
  const alice = await meet("alice", options);
  const bob = await meet("bob", options);
  await call(alice, server, "wipe_device", { device: "LAPTOP-7" });
  await press(alice, "Confirm");
  await bob.goto(server.url);
  await bob.getByRole("link", { name: /wipe_device/ }).click();
  await press(bob, "Approve");
  await standing(bob, "Done");
  await alice.reload();
  await standing(alice, "Done");
  // A form with an error, corrected; a list that grows needs no script either.
  await call(alice, server, "file_ticket", { summary: "The mail is down" });
  await press(alice, "Send");
  await alice.getByText("This is needed.").first().waitFor();
  await alice.getByLabel("description").fill("Since noon.");
  await alice.getByLabel("severity").selectOption({ label: "high – Somebody cannot work." });
  await press(alice, "Send");
  await standing(alice, "Done");
});

story("a double click counts once", async ({ server, meet }) => {
  const alice = await meet("alice");
  const bob = await meet("bob");
  await call(alice, server, "wipe_device", { device: "LAPTOP-7" });
  await alice.getByRole("button", { name: "Confirm", exact: true }).dblclick();
  await bob.getByRole("link", { name: /wipe_device/ }).click();
  await bob.getByRole("button", { name: "Approve", exact: true }).dblclick();
  await standing(alice, "Done");
  const happened = await alice.locator(".timeline li").allTextContents();
  for (const [word, times] of [["confirmed", 1], ["approved for", 1], ["started the tool", 1], ["refused", 0]]) {
    assert.equal(happened.filter((it) => it.includes(word)).length, times, `${word}: ${happened.join(" | ")}`);
  }
});

story("an approval by keyboard alone", async ({ server, meet }) => {
  const alice = await meet("alice");
  const bob = await meet("bob");
  await call(alice, server, "wipe_device", { device: "LAPTOP-7" });
  await press(alice, "Confirm");
  await bob.getByRole("link", { name: /wipe_device/ }).waitFor();
  const focus = () => bob.evaluate(() => (document.activeElement?.textContent ?? "").trim());
  const tab = async (wanted) => {
    for (let steps = 0; steps < 60; steps += 1) {
      await bob.keyboard.press("Tab");
      if ((await focus()).startsWith(wanted)) return;
    }
    assert.fail(`nobody gets to ${wanted} with the keyboard`);
  };
  await tab("wipe_device");
  await bob.keyboard.press("Enter");
  await bob.getByRole("heading", { name: "Do you approve this?" }).waitFor();
  // Nothing that decides has the focus by itself.
  assert.equal(await bob.evaluate(() => document.activeElement === document.body), true);
  await tab("Approve");
  await bob.keyboard.press("Enter");
  await standing(bob, "Done");
});

story("markup and hidden characters are shown as text", async ({ server, meet }) => {
  const alice = await meet("alice");
  const bob = await meet("bob");
  alice.on("dialog", () => assert.fail("a script ran"));
  for (const text of [evil, bidi]) {
    await call(alice, server, "wipe_device", { device: text });
    const shown = alice.locator(".values .text").first();
    await shown.waitFor();
    assert.equal(await alice.locator("main img, main script").count(), 0);
    assert.equal(await alice.title(), "wipe_device · Countersign");
    const isBidi = text === bidi;
    assert.equal(await alice.getByText("This page has hidden characters in it.").count(), isBidi ? 1 : 0);
    const expected = isBidi ? "payU+202E001U+2066 U+200BtoU+E0041 bobU+001B[2J" : evil;
    assert.equal(await shown.textContent(), expected);
    await alice.getByText("As canonical JSON").click();
    const json = await alice.locator(".json pre").textContent();
    assert.deepEqual(JSON.parse(json), { device: text });
    assert.ok(!/[\u202e\u2066\u200b\u001b]/.test(json));
    await alice.getByText("Reject", { exact: true }).click();
    await alice.getByLabel(/shown to whoever asked/).fill(text);
    await press(alice, "Reject it for good");
    await standing(alice, "Rejected");
    assert.equal(await alice.locator("blockquote").textContent(), expected);
    await picture(alice, isBidi ? "hidden-characters" : "markup");
  }
  for (const page of ["/history", "/calls", "/runs"]) {
    await alice.goto(server.url + page);
    assert.equal(await alice.locator("main img, main script").count(), 0, page);
  }
  await alice.goto(`${server.url}/chat`);
  await alice.getByLabel("What should be done?").fill(`${evil} ${bidi}`);
  await press(alice, "Send");
  await alice.locator(".says.me").waitFor();
  assert.equal(await alice.locator("main img, main script").count(), 0);
  assert.ok((await alice.locator(".says.me .text").textContent()).startsWith("<img src=x"));
  // In the inbox of somebody else, and in an amendment as a difference.
  await call(alice, server, "wipe_device", { device: "LAPTOP-7" });
  await alice.getByText("Change the arguments").click();
  await alice.locator('form[action$="/amend"]').getByLabel("device", { exact: true }).fill(evil);
  await press(alice, "Change it");
  await alice.getByText("You changed the arguments.").waitFor();
  assert.equal(await alice.locator(".diff del").textContent(), "LAPTOP-7");
  assert.equal(await alice.locator(".diff ins").textContent(), evil);
  await press(alice, "Confirm");
  await bob.getByRole("link", { name: /wipe_device/ }).waitFor();
  assert.equal(await bob.locator("main img, main script").count(), 0);
  await picture(bob, "markup-inbox");
});

story("nobody says yes to what was not shown", async ({ server, meet }) => {
  const alice = await meet("alice");
  await call(alice, server, "wipe_device", { device: `LAPTOP-7${" ".repeat(400)}and all others` });
  await alice.getByText("more characters are not shown here").waitFor();
  assert.equal(await alice.getByRole("button", { name: "Confirm", exact: true }).count(), 0);
  assert.equal(await alice.getByRole("button", { name: "Change it", exact: true }).count(), 0);
  await picture(alice, "closed");
  // Not by a form made by hand either.
  const action = (await alice.locator('form[action$="/reject"]').getAttribute("action")).replace("reject", "confirm");
  const status = await alice.evaluate(
    async (action) => (await fetch(action, { method: "POST", body: new URLSearchParams(), redirect: "manual" })).status,
    action,
  );
  assert.equal(status, 409);
  await alice.getByRole("link", { name: "Show everything first" }).click();
  await alice.getByText("and all others").first().waitFor();
  await press(alice, "Confirm");
  await alice.getByText("Waits for others").waitFor();
});

story("remembered, taken back; keys; the audit log; signed out", async ({ server, meet }) => {
  const alice = await meet("alice");
  await call(alice, server, "reset_password", { account: "ACME-123" });
  await alice.getByText("Do not ask me again").click();
  await alice.getByLabel("About").selectOption("exact");
  await press(alice, "Confirm");
  await standing(alice, "Done");
  await alice.goto(`${server.url}/grants`);
  await picture(alice, "grants");
  await press(alice, "Take it back");
  await alice.getByText("Nothing is remembered").waitFor();
  await alice.goto(`${server.url}/keys`);
  await alice.getByLabel(/What it is for/).fill(`<b>${bidi}</b>`);
  await press(alice, "Make it");
  const secret = await alice.locator("#secret").textContent();
  assert.match(secret, /^ck_[0-9a-f]{20}_[0-9a-f]{64}$/);
  await picture(alice, "key");
  await alice.goto(`${server.url}/keys`);
  assert.ok(!(await alice.content()).includes(secret.slice(-64)));
  await press(alice, "Revoke");
  await alice.getByText("No keys yet").waitFor();
  // The whole log is not for everybody.
  assert.equal((await alice.goto(`${server.url}/audit`)).status(), 403);
  const olivia = await meet("olivia");
  await olivia.goto(`${server.url}/audit`);
  await press(olivia, "Sign it now");
  await press(olivia, "Verify it now");
  await olivia.locator("#verdict.good").waitFor();
  await picture(olivia, "audit");
  const [download] = await Promise.all([
    olivia.waitForEvent("download"),
    olivia.getByRole("link", { name: "Receipt" }).first().click(),
  ]);
  assert.match(download.suggestedFilename(), /^entry-\d+\.tlog-proof$/);
  await press(alice, "Sign out");
  await alice.getByRole("heading", { name: /^Sign in/ }).waitFor();
  await alice.goBack();
  await alice.goto(server.url);
  assert.equal(new URL(alice.url()).pathname, "/sign-in");
});

story("a conversation with an agent waits for people and goes on", async ({ server, meet }) => {
  const alice = await meet("alice");
  await alice.goto(`${server.url}/chat`);
  await alice.getByLabel("What should be done?").fill("Please reset the password of ACME-123.");
  await press(alice, "Send");
  await alice.getByRole("link", { name: "reset_password: to confirm" }).click();
  await press(alice, "Confirm");
  await standing(alice, "Done");
  await alice.getByRole("link", { name: "conversation" }).click();
  await standing(alice, "Done");
  await picture(alice, "conversation");
  await alice.getByLabel("Say more").fill("Thank you.");
  await press(alice, "Send");
  await alice.getByText("Please reset the password").waitFor();
  assert.equal(await alice.locator(".says.me").count(), 2);
});

for (const [size, options] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    story(`axe finds nothing, at ${size} width, ${colorScheme}`, async ({ server, meet }) => {
      const alice = await meet("alice", { ...options, colorScheme });
      const olivia = await meet("olivia", { ...options, colorScheme });
      const look = async (page, name) => {
        assert.deepEqual(await violations(page), [], name);
        const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
        assert.ok(wide <= room, `${name} is wider than the window: ${wide} of ${room}`);
        await picture(page, `${size}-${colorScheme}-${name}`);
      };
      await look(alice, "inbox-empty");
      await call(alice, server, "wipe_device", { device: `LAPTOP-7 ${bidi}` });
      await look(alice, "confirm");
      for (const it of await alice.locator("details").all()) await it.evaluate((it) => (it.open = true));
      await look(alice, "confirm-open");
      await call(alice, server, "wipe_device", { device: "x".repeat(700) });
      await look(alice, "closed");
      await call(alice, server, "file_ticket", { summary: "The mail is down" });
      await look(alice, "input");
      await press(alice, "Send");
      await alice.getByText("This is needed.").first().waitFor();
      await look(alice, "input-wrong");
      await call(alice, server, "order_replacement", { device: "laptop" });
      await look(alice, "external");
      await call(alice, server, "check_device", { device: "LAPTOP-8" });
      await look(alice, "ran");
      await alice.goto(`${server.url}/chat`);
      await alice.getByLabel("What should be done?").fill("Please reset the password of ACME-123.");
      await press(alice, "Send");
      await look(alice, "run");
      await alice.getByRole("link", { name: "reset_password: to confirm" }).click();
      await alice.getByText("Do not ask me again").click();
      await alice.getByLabel("About").selectOption("exact");
      await press(alice, "Confirm");
      await standing(alice, "Done");
      await look(alice, "done");
      for (const it of ["/", "/?tab=all", "/history", "/calls", "/runs", "/chat", "/tools", "/tools/ask_user", "/grants", "/keys", "/nowhere"]) {
        await alice.goto(server.url + it);
        await look(alice, it.replaceAll(/\W+/g, "-"));
      }
      for (const it of ["/audit", "/people", "/?tab=all"]) {
        await olivia.goto(server.url + it);
        await look(olivia, `olivia${it.replaceAll(/\W+/g, "-")}`);
      }
      await press(olivia, "Sign out");
      await look(olivia, "sign-in");
    });
  }
}
