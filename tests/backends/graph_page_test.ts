import assert from "node:assert/strict";
import fc from "fast-check";
import { LocalWorkflow, workflow } from "functionfuse";
import { GraphWorkflow } from "functionfuse/backends/graph";
import { storageFactory } from "functionfuse/storage";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { skipWithoutBrowser, startBrowser } from "../support/browser.ts";
import { HOSTILE_NAMES } from "../support/pictures.ts";

const load = workflow("load", (_place?: string) => ({ rows: [1, 2], labels: [3] }));
const fit = workflow(
  "fit",
  (rows: number[], options: { rate: number }) => rows.length * options.rate,
);
const compare = workflow("compare", (...all: number[]) => Math.max(...all));
const failing = workflow("failing", (n: number): number => {
  throw new RangeError(String(n));
});

const skip = skipWithoutBrowser();

/** What is in a picture. */
interface Found {
  readonly elements: readonly string[];
  readonly handlers: readonly string[];
  readonly boxes: number;
}

describe("A page of a graph, in a browser", { skip }, () => {
  const folder = fs.mkdtempSync(join(tmpdir(), "functionfuse-page-"));
  let browser: Browser;
  before(async () => {
    if (!skip) browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** Draws a page and opens it; what the browser complains of is collected, and what it would fetch. */
  async function open(
    targets: ConstructorParameters<typeof GraphWorkflow>[0],
    more: Partial<ConstructorParameters<typeof GraphWorkflow>[1]> = {},
  ) {
    const path = join(folder, "page.html");
    await new GraphWorkflow(targets, { workflowName: "demo", path, ...more }).run();
    const context = await browser.newContext({ viewport: { width: 1_100, height: 760 } });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith("file:")) complaints.push(request.url());
    });
    await page.goto(pathToFileURL(path).href);
    await page.waitForSelector("body[data-ready]", { timeout: 10_000 });
    return { page, complaints, close: () => context.close() };
  }

  const boxOf = (page: Page, name: string) => page.locator(".ff-node", { hasText: name }).first();
  const placeOf = async (page: Page, name: string) => (await boxOf(page, name).boundingBox())!;
  const panelOf = (page: Page) => page.locator("aside").innerText();

  function digits() {
    const data = load("digits.csv").setName("data");
    const models: ReturnType<typeof fit>[] = [];
    for (const rate of [1, 2, 3]) {
      models.push(fit(data.rows, { rate }).setName(`model ${rate}`));
    }
    return compare(...models).setName("best");
  }

  it("shows the whole graph, and asks the network for nothing", async () => {
    const { page, complaints, close } = await open(digits());
    assert.equal(await page.title(), "demo");
    assert.equal(await page.locator("#summary").innerText(), "5 nodes");
    assert.equal(await page.locator(".ff-node").count(), 5);
    for (const name of ["data", "best"]) {
      const { x, y, width, height } = await placeOf(page, name);
      assert.ok(x > 0 && y > 50 && x + width < 1_100 && y + height < 760, `${name} is in view`);
    }
    assert.deepEqual(complaints, []);
    await close();
  });

  it("is moved by the mouse, and enlarged by the wheel, keys and buttons", async () => {
    const { page, complaints, close } = await open(digits());
    const first = await placeOf(page, "data");
    await page.mouse.move(60, 600);
    await page.mouse.down();
    await page.mouse.move(160, 640, { steps: 4 });
    await page.mouse.up();
    const moved = await placeOf(page, "data");
    assert.ok(Math.abs(moved.x - first.x - 100) < 2 && Math.abs(moved.y - first.y - 40) < 2);

    const widths: number[] = [];
    const measure = async () => widths.push((await placeOf(page, "data")).width);
    await measure();
    await page.mouse.wheel(0, -300);
    await page.waitForTimeout(100);
    await measure();
    await page.click("[data-key='+']");
    await measure();
    await page.keyboard.press("+");
    await measure();
    assert.deepEqual(widths, widths.toSorted((a, b) => a - b));
    assert.equal(new Set(widths).size, 4);
    await page.keyboard.press("f");
    const again = await placeOf(page, "data");
    assert.ok(Math.abs(again.x - first.x) < 1 && Math.abs(again.width - first.width) < 1);
    assert.deepEqual(complaints, []);
    await close();
  });

  it("finds nodes by name and function, and goes from one to the next", async () => {
    const { page, complaints, close } = await open(digits());
    await page.keyboard.press("/");
    await page.keyboard.type("MODEL");
    assert.equal(await page.locator("#found").innerText(), "3 found");
    assert.equal(await page.locator(".ff-node.found").count(), 3);
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("#found").innerText(), "1 of 3");
    assert.match(await panelOf(page), /^model 1\n/);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    assert.match(await panelOf(page), /^model 1\n/);
    await page.keyboard.press("Shift+Enter");
    assert.match(await panelOf(page), /^model 3\n/);
    const { x, width } = await placeOf(page, "model 3");
    const panel = (await page.locator("aside").boundingBox())!;
    assert.ok(Math.abs(x + width / 2 - panel.x / 2) < 20, "in the middle of what the panel leaves");

    await page.fill("#search", "compare");
    await page.click("#results button");
    assert.match(await panelOf(page), /^best\n/);
    await page.fill("#search", "nothing like it");
    assert.equal(await page.locator("#found").innerText(), "0 found");
    await page.keyboard.press("Escape");
    assert.equal(await page.locator(".searching").count(), 0);
    assert.deepEqual(complaints, []);
    await close();
  });

  it("tells of a node that is clicked: its place, its arguments, what it reads and who reads it", async () => {
    const { page, complaints, close } = await open(digits());
    await boxOf(page, "model 2").click();
    const told = await panelOf(page);
    assert.match(told, /^model 2\nfit/);
    assert.match(told, /Defined at\s+\S*graph_page_test\.ts:\d+:\d+/);
    assert.match(told, /Named at\s+\S*graph_page_test\.ts:\d+:\d+/);
    assert.match(told, /ARGUMENTS\s+data\.rows\s+\{ rate: 2 \}/);
    assert.match(told, /READS\s+data\s*\.rows/);
    assert.match(told, /READ BY\s+best/);
    assert.equal(await page.locator(".ff-link.near").count(), 2);
    await page.click("aside .list button >> text=data");
    assert.match(await panelOf(page), /^data\nload[^]*ARGUMENTS\s+"digits\.csv"/);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("aside").isVisible(), false);
    assert.deepEqual(complaints, []);
    await close();
  });

  it("is used by the keyboard alone", async () => {
    const { page, complaints, close } = await open(digits());
    await page.locator(".ff-node").first().focus();
    await page.keyboard.press("ArrowDown");
    const focused = () => page.evaluate("document.activeElement.getAttribute('aria-label')");
    assert.equal(await focused(), "model 1");
    await page.keyboard.press("ArrowRight");
    assert.equal(await focused(), "model 2");
    await page.keyboard.press("Enter");
    assert.match(await panelOf(page), /^model 2\n/);
    await page.keyboard.press("Escape");
    assert.equal(await focused(), "model 2");
    await page.keyboard.press("Enter");
    await page.click("aside .close");
    assert.equal(await focused(), "model 2");
    await page.keyboard.press("ArrowUp");
    assert.equal(await focused(), "data");
    assert.deepEqual(complaints, []);
    await close();
  });

  it("shows states, times and sizes of a storage, with a legend", async () => {
    const storage = storageFactory({ kind: "memory" });
    const data = load().setName("data");
    const target = compare(
      fit(data.rows, { rate: 1 }).setName("good"),
      failing(1).setName("bad"),
    ).setName("best");
    const options = {
      workflowName: "demo",
      storage,
      onWarning() {},
      onFailure: "continue",
    } as const;
    await assert.rejects(new LocalWorkflow(target, options).run());
    const { page, complaints, close } = await open(target, options);
    const legend = (await page.locator("footer span").allInnerTexts()).map((text) => text.trim());
    assert.deepEqual(legend, ["2 stored", "1 will run", "1 failed"]);
    assert.match(await page.locator("#summary").innerText(), /^4 nodes · 2 stored · .*B$/);
    await boxOf(page, "good").click();
    assert.match(await panelOf(page), /State\s+stored\s+Time\s+.*ms\s+Size\s+.* B\)\s+Stored\s+20/);
    await boxOf(page, "bad").click();
    assert.match(await panelOf(page), /State\s+failed\s+Failure\s+run: RangeError/);
    const color = async (name: string) => {
      const box = await boxOf(page, name).getAttribute("data-box");
      const selector = JSON.stringify(`[data-box="${box}"] .ff-box`);
      return await page.evaluate(`getComputedStyle(document.querySelector(${selector})).fill`);
    };
    const light = [await color("good"), await color("bad")];
    await page.emulateMedia({ colorScheme: "dark" });
    const colors = new Set([...light, await color("good"), await color("bad")]);
    assert.equal(colors.size, 4, "each state has its colour, in the light and in the dark");
    assert.deepEqual(complaints, []);
    await close();
  });

  it("lists the nodes of a folded box, and finds each of 2,000", async () => {
    const data = load().setName("data");
    const models = Array.from(
      { length: 1_998 },
      (_, i) => fit(data.rows, { rate: i }).setName(`model ${i}`),
    );
    const { page, complaints, close } = await open(compare(...models).setName("best"));
    assert.equal(await page.locator(".ff-node").count(), 3);
    assert.match(await page.locator("footer").innerText(), /2,000 nodes in 3 boxes/);
    await boxOf(page, "fit").click();
    assert.match(await panelOf(page), /^fit\n1,998 nodes[^]*model 0[^]*… and 1,698 more: search/);
    await page.fill("#search", "model 1234");
    await page.press("#search", "Enter");
    const told = await panelOf(page);
    assert.match(told, /^model 1234\nfit[^]*\{ rate: 1234 \}[^]*One of the 1,998 in its box/);
    assert.equal(await page.locator(".ff-node.chosen").count(), 1);
    assert.deepEqual(complaints, []);
    await close();
  });

  for (const direction of ["down", "right"] as const) {
    it(`opens where it begins, large enough to be read, if it leads ${direction}`, async () => {
      const data = load().setName("data");
      const models = Array.from(
        { length: 25 },
        (_, i) => fit(data.rows, { rate: i }).setName(`model of many ${i}`),
      );
      // What is read by many stands in the middle of them.
      let last = compare(...models).setName("best");
      for (let i = 0; i < 20; i++) last = compare(last).setName(`step ${i}`);
      const { page, complaints, close } = await open(last, { direction });
      const { x, y, width, height } = await placeOf(page, "data");
      const letters = await boxOf(page, "data").locator("text").first().boundingBox();
      assert.ok(letters!.height > 10, "can be read");
      const [start, middle] = direction === "down" ? [y - 50, x] : [x, y - 50];
      assert.ok(start >= 0 && start < 100, `begins at ${start}`);
      const [size, room] = direction === "down" ? [width, 1_100] : [height, 710];
      assert.ok(Math.abs(middle + size / 2 - room / 2) < 60, `${middle} is in the middle`);
      // All of it is a key away.
      await page.keyboard.press("f");
      for (const name of ["data", "step 19", "model of many 0", "model of many 24"]) {
        const place = await placeOf(page, name);
        assert.ok(place.x > 0 && place.x + place.width < 1_100, name);
        assert.ok(place.y > 50 && place.y + place.height < 760, name);
      }
      assert.deepEqual(complaints, []);
      await close();
    });
  }

  it("brings what is found near, where all is too small to be read", async () => {
    const data = load().setName("data");
    const models = Array.from(
      { length: 150 },
      (_, i) => fit(data.rows, { rate: i }).setName(`model ${i}`),
    );
    const { page, complaints, close } = await open(compare(...models), { fold: "never" });
    await page.keyboard.press("f");
    assert.ok((await placeOf(page, "model 77")).width < 20);
    const panel = async () => (await page.locator("aside").boundingBox())!;
    // Far from the middle, too; and from there to the other end.
    for (const name of ["model 77", "model 3", "model 148"]) {
      await page.fill("#search", name);
      await page.press("#search", "Enter");
      await page.waitForTimeout(100);
      const { x, y, width } = await placeOf(page, name);
      assert.ok(width > 60, name);
      assert.ok(Math.abs(x + width / 2 - (await panel()).x / 2) < 20, `${name} is at ${x}`);
      assert.ok(y > 300 && y < 500, `${name} is at ${y}`);
      await page.keyboard.press("Escape");
      await page.locator("body").press("f");
    }
    assert.deepEqual(complaints, []);
    await close();
  });

  it("shows any names as what they are, and runs nothing of them", async () => {
    const names = HOSTILE_NAMES.filter((name) => name.isWellFormed());
    const nodes = names.map((name) => load(name).setName(name));
    const { page, complaints, close } = await open(nodes, {
      workflowName: names[4],
      fold: "never",
    });
    assert.equal(await page.title(), names[4]);
    assert.equal(await page.locator(".ff-node").count(), names.length);
    for (const [at, name] of names.entries()) {
      await page.locator(`.ff-node[data-box="${at}"]`).focus();
      await page.keyboard.press("Enter");
      const heading = await page.locator("aside h2").evaluate(({ textContent }) => textContent);
      // deno-lint-ignore no-control-regex
      if (!/[\x00-\x1f\u202e\ufffe\uffff]/.test(name)) assert.equal(heading, name);
    }
    assert.equal(await page.evaluate("globalThis.hacked"), undefined);
    assert.equal(await page.locator("script").count(), 3);
    assert.equal(await page.locator("img").count(), 0);
    assert.deepEqual(complaints, []);
    await close();
  });

  it("lets no script run that is not its own", async () => {
    const { page, close } = await open(digits());
    const ran = await page.evaluate(`(async () => {
      const script = document.createElement("script");
      script.textContent = "globalThis.hacked = true";
      document.body.append(script);
      await new Promise((done) => setTimeout(done, 50));
      return globalThis.hacked;
    })()`);
    assert.equal(ran, undefined);
    await close();
  });

  it("has pictures that are well-formed XML, whatever is in them", async () => {
    const page = await browser.newPage();
    const anyName = fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
      fc.constantFrom(...HOSTILE_NAMES),
    ).filter((name) => name.isWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyName, { minLength: 1, maxLength: 12 }), async (names) => {
        const nodes = names.map((name, i) => load(name).setName(name)[i % 2 ? "rows" : "labels"]);
        const target = compare(...nodes as never[]);
        const svg = await new GraphWorkflow(target, { workflowName: names[0] }).run();
        const found = await page.evaluate<Found>(`(() => {
          const parser = new DOMParser();
          const document = parser.parseFromString(${JSON.stringify(svg)}, "image/svg+xml");
          const all = [...document.querySelectorAll("*")];
          return {
            elements: [...new Set(all.map(({ localName }) => localName))],
            handlers: all.flatMap((element) => element.getAttributeNames())
              .filter((name) => /^on|href/.test(name)),
            boxes: all.filter((element) => element.hasAttribute("data-box")).length,
          };
        })()`);
        const known = ["svg", "style", "rect", "g", "text", "title", "path"];
        assert.deepEqual(found.elements.filter((name) => !known.includes(name)), []);
        assert.deepEqual([found.handlers, found.boxes], [[], names.length + 1]);
      }),
      { numRuns: 12 },
    );
    await page.close();
  });
});
