// The console in a real browser: what a newcomer does, and what somebody does who wants to deceive them.
//
//   PROGRAM=target/debug/helpdesk node --test console.test.mjs
//   SCREENSHOTS=DIR … also keeps pictures of every page there

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { launch, person, serve, sizes, violations } from "./world.mjs";

const program = resolve(process.env.PROGRAM ?? "../../target/debug/helpdesk");
/** The planner, built beside it. */
const planner = join(dirname(program), "feedback");
const pictures = process.env.SCREENSHOTS;
const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>{{7*7}}"\'';
const bidi = "pay\u202e001\u2066 \u200bto\u{e0041} bob\u001b[2J";

let browser;
before(async () => (browser = await launch()));
after(async () => await browser.close());

/** Runs a story on a server of its own: of the help desk, or of another program or with other settings. */
function story(name, tell, { of = program, settings } = {}) {
  test(name, { timeout: 120_000 }, async () => {
    const server = await serve(of, { settings: settings?.() });
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
  await alice.goto(server.url);
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

story("a question with options is answered with a button, where it is asked", async ({ server, meet }) => {
  const alice = await meet("alice");
  await alice.goto(`${server.url}/chat`);
  await alice.getByLabel("What should be done?").fill("I need a replacement for my screen.");
  await press(alice, "Send");
  const run = alice.url();
  const screen = alice.getByRole("button", { name: "screen without its stand", exact: true });
  await screen.waitFor();
  assert.equal(await alice.getByRole("button", { name: "Send", exact: true }).count(), 0);
  assert.deepEqual(await violations(alice), []);
  // Nobody answers in the place of whoever was asked.
  const olivia = await meet("olivia");
  await olivia.goto(run);
  await olivia.getByRole("link", { name: "ask_user: needs input" }).waitFor();
  assert.equal(await olivia.getByRole("button", { name: /screen/ }).count(), 0);
  await screen.click();
  await alice.getByRole("link", { name: "order_replacement: awaits a report" }).waitFor();
  assert.equal(alice.url(), run);
});

for (const [size, options] of Object.entries(sizes)) {
  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? "" : ", without a script";
    const tell = async ({ server, meet }) => {
      const alice = await meet("alice", { ...options, javaScriptEnabled });
      const shown = async (it) => {
        for (let round = 0; !javaScriptEnabled && round < 50 && !(await it.count()); round += 1) await alice.reload();
        await it.waitFor();
      };
      const look = async (name) => {
        if (!javaScriptEnabled) return;
        assert.deepEqual(await violations(alice), [], name);
        for (const colorScheme of ["light", "dark"]) {
          await alice.emulateMedia({ colorScheme });
          await picture(alice, `${size}-${colorScheme}-${name}`);
        }
      };
      await alice.goto(`${server.url}/chat`);
      await alice.getByLabel("What should be done?").fill("Plan something for my team.");
      await press(alice, "Send");
      await shown(alice.getByRole("button", { name: /^dinner/ }));
      await look("options");
      await alice.getByRole("button", { name: /^dinner/ }).click();
      // Several at once; nothing is chosen beforehand, and what is left out is asked again.
      await shown(alice.getByRole("checkbox", { name: "vegan" }));
      assert.equal(await alice.locator("main :checked").count(), 0);
      await alice.getByLabel(/^In your words/).fill("By the river");
      await press(alice, "Send");
      await alice.getByText("Please answer this one.").waitFor();
      assert.equal(await alice.getByLabel(/^In your words/).inputValue(), "By the river");
      for (const it of ["vegan", "fish"]) await alice.getByRole("checkbox", { name: it }).check();
      await look("several");
      await press(alice, "Send");
      await shown(alice.getByLabel("people"));
      await alice.getByLabel("day").fill("2027-01-15");
      await alice.getByLabel("people").fill("12");
      await look("fields");
      await press(alice, "Send");
      await shown(alice.getByRole("link", { name: "book_event: to confirm" }));
      // The conversation reads as one.
      assert.deepEqual(await alice.locator(".says.agent .text").allTextContents(), [
        "What kind of event is it?",
        "What is there to eat?\nAnything else?",
        "On which day?\nFor how many people?",
      ]);
      assert.deepEqual((await alice.locator(".says.me .text").allTextContents()).slice(1), [
        "dinner",
        "vegan, fish\nBy the river",
        "day: 2027-01-15\npeople: 12",
      ]);
      await look("answered");
      await alice.getByRole("link", { name: "book_event: to confirm" }).click();
      for (const it of ["vegan", "fish", "By the river"]) {
        assert.equal(await alice.locator(".values .text", { hasText: it }).count(), 1, it);
      }
      await press(alice, "Confirm");
      await standing(alice, "Done");
    };
    story(`questions lead to a booking, at ${size} width${how}`, tell, { of: planner });
  }
}

/** What the web hook of the next story answers. */
let answer = 410;
const receiver = createServer((request, response) => {
  request.resume();
  request.on("end", () => response.writeHead(answer).end());
});
before(() => new Promise((listening) => receiver.listen(0, "127.0.0.1", listening)));
after(() => receiver.close());
const settings = () => `
  [notify]
  external = ["webhook:erp"]
  [webhooks.erp]
  url = "http://127.0.0.1:${receiver.address().port}/"
  allow_private = true
  secrets = ["whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"]`;

for (const [size, options] of Object.entries(sizes)) {
  const tell = async ({ server, meet }) => {
    const [alice, bob, olivia] = [await meet("alice", options), await meet("bob", options), await meet("olivia", options)];
    const look = async (page, name) => {
      assert.deepEqual(await violations(page), [], name);
      const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      assert.ok(wide <= room, `${name} is wider than the window: ${wide} of ${room}`);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await picture(page, `${size}-${colorScheme}-${name}`);
      }
    };
    // What was decided before stands below what is to be decided now.
    for (const [device, verb, why] of [["LAPTOP-7", "Approve", "ticket 81"], ["LAPTOP-9", "Reject", "=HYPERLINK(1), of mine"]]) {
      await call(alice, server, "wipe_device", { device });
      await press(alice, "Confirm");
      await bob.goto(server.url);
      await bob.getByRole("link", { name: /wipe_device/ }).click();
      if (verb === "Approve") {
        await bob.getByLabel("Reason optional", { exact: true }).fill(why);
        await press(bob, "Approve");
        await standing(bob, "Done");
      } else {
        await bob.getByText("Reject", { exact: true }).click();
        await bob.getByLabel(/shown to whoever asked/).fill(why);
        await press(bob, "Reject it for good");
        await standing(bob, "Rejected");
      }
    }
    await call(alice, server, "wipe_device", { device: "LAPTOP-7" });
    await press(alice, "Confirm");
    await bob.goto(server.url);
    await bob.getByRole("link", { name: /wipe_device/ }).click();
    const before = bob.locator("section", { has: bob.getByRole("heading", { name: "What was decided before" }) });
    const told = await before.getByRole("listitem").allTextContents();
    assert.match(told[0], /^Approved.*same arguments.*approved by bob for leads: “ticket 81”/);
    assert.match(told[1], /^Rejected.*rejected by bob: “=HYPERLINK/);
    const top = async (it) => (await it.boundingBox()).y;
    assert.ok((await top(bob.locator("#arguments"))) < (await top(before)));
    await before.getByText("1 difference").click();
    await look(bob, "similar");
    // The history as a file.
    await bob.goto(`${server.url}/history?outcome=rejected`);
    await look(bob, "history");
    const [download] = await Promise.all([
      bob.waitForEvent("download"),
      bob.getByRole("link", { name: "All of them as CSV" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "decided.csv");
    const lines = readFileSync(await download.path(), "utf8").split("\r\n");
    assert.equal(lines.length, 3);
    assert.match(lines[1], /,closed,rejected,bob,"'=HYPERLINK\(1\), of mine",/);
    // A notice that its receiver refuses for good is given up, and sent again.
    answer = 410;
    await call(alice, server, "order_replacement", { device: "laptop" });
    const outbox = async (name) => {
      for (let round = 0; round < 50; round += 1) {
        await olivia.goto(`${server.url}/outbox`);
        if (await olivia.getByRole("link", { name, exact: true }).count()) return;
        await olivia.waitForTimeout(100);
      }
      assert.fail(`the outbox has no ${name}`);
    };
    await outbox("Given up 1");
    await olivia.getByText("410").first().waitFor();
    await look(olivia, "outbox-dead");
    answer = 204;
    await press(olivia, "Send again");
    await olivia.getByText("It is sent again, at once.").waitFor();
    await outbox("Sent 1");
    await look(olivia, "outbox-sent");
    await olivia.goto(`${server.url}/outbox?state=dead`);
    await olivia.getByText("Nothing was given up").waitFor();
    await look(olivia, "outbox-empty");
    await olivia.goto(`${server.url}/audit`);
    await olivia.getByText(/^sent the notice msg_[0-9a-f]{32} again/).waitFor();
    assert.equal((await bob.goto(`${server.url}/outbox`)).status(), 403);
  };
  story(`decided before, as a file, and the outbox, at ${size} width`, tell, { settings });
}

story("an agent that was asked by another waits where its run is looked at", async ({ server, meet }) => {
  const alice = await meet("alice");
  const bob = await meet("bob");
  await alice.goto(`${server.url}/chat`);
  await alice.getByLabel("What should be done?").fill("LAPTOP-7 was stolen, please wipe it.");
  await press(alice, "Send");
  const run = alice.url();
  await alice.getByRole("link", { name: "wipe_device: to confirm" }).click();
  await alice.getByText("helpdesk › technician").waitFor();
  await press(alice, "Confirm");
  await bob.getByRole("link", { name: /wipe_device.*through helpdesk › technician/ }).click();
  await press(bob, "Approve");
  await standing(bob, "Done");
  // The conversation is not for whoever approves one of its calls.
  assert.equal((await bob.goto(run)).status(), 404);
  await alice.goto(run);
  await standing(alice, "Done");
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
