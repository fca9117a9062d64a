// A server of ours in a directory of its own, and browsers that look at it.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts a program's `serve` on a free port of this machine, with what its `serve.toml` is to say. */
export async function serve(program, { data, settings } = {}) {
  const own = data ?? mkdtempSync(join(tmpdir(), "countersign-browser-"));
  if (settings) writeFileSync(join(own, "serve.toml"), settings);
  const words = ["--data", own, "--json", "serve", "--listen", "127.0.0.1:0", "--rate", "1000"];
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const said = await new Promise((resolve, reject) => {
    lines.once("line", resolve);
    child.once("exit", (code) => reject(new Error(`serve ended with ${code}`)));
  });
  const { url, links } = JSON.parse(said);
  return {
    url,
    data: own,
    link: (actor) => links.find((it) => it.actor === actor).link,
    async stop() {
      const over = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const code = await over;
      if (!data) rmSync(own, { recursive: true, force: true });
      return code;
    },
  };
}

/** Runs a command of the program over the same data. */
export function command(program, data, ...words) {
  return new Promise((resolve) => {
    const child = spawn(program, ["--data", data, "--json", ...words]);
    let out = "";
    child.stdout.on("data", (it) => (out += it));
    child.once("exit", () => resolve(JSON.parse(out)));
  });
}

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: flags });

export const sizes = {
  desktop: { viewport: { width: 1280, height: 860 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
};

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What axe finds wrong on a page. */
export async function violations(page) {
  // The page's own policy forbids foreign scripts, so it is evaluated and not inserted.
  const source = (await import("node:fs")).readFileSync(axe, "utf8");
  await page.evaluate(source);
  const found = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  return found.violations.map((it) => `${it.id}: ${it.help} (${it.nodes.map((node) => node.target.join(" ")).join("; ")})`);
}

/** A person in a browser of their own, signed in with a link. */
export async function person(browser, server, actor, options = {}) {
  const context = await browser.newContext({ ...sizes.desktop, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const wrong = [];
  page.on("console", (it) => it.type() === "error" && wrong.push(it.text()));
  page.on("pageerror", (it) => wrong.push(String(it)));
  await page.goto(server.link(actor));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${server.url}/`);
  return { context, page, wrong };
}
