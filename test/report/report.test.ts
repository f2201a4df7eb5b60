// Reports as a reader sees them: in a browser, without a network.

import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import type { Browser } from "puppeteer-core";
import { type LoggedEvent, type LoggedRun, type RunDescription, writeReport } from "../../lib/index.js";
import { openBrowser } from "../support/browser.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { random } from "../support/numbers.js";

/** A run whose loss falls as `lr` and its name have it. */
function makeRun(name: string, description: RunDescription, steps = 200): LoggedRun {
  const next = random(name.length + 1);
  const events: LoggedEvent[] = [];
  const rate = 40 * (description.lr ?? 1e-3);
  for (let step = 1; step <= steps; step++) {
    const place = { step, epoch: Math.ceil(step / 100), at: step / 50 };
    const loss = 2.3 * Math.exp((-rate * step) / 100) + 0.05 + 0.02 * next();
    const [gradNorm, lr] = [1 + next(), (description.lr ?? 1e-3) * (1 - step / (steps + 1))];
    events.push({ type: "step", ...place, loss, gradNorm, lr, examplesPerSecond: 5000 + 500 * next() });
    if (step % 50 === 0) {
      const accuracy = 1 - loss / 3;
      events.push({
        type: "eval",
        ...place,
        loss: loss + 0.1,
        accuracy,
        examples: 100,
        metrics: { f1: accuracy } as never,
      });
      events.push({ type: "memory", ...place, live: 2 ** 20, peak: 3 * 2 ** 19 });
    }
    if (step % 20 === 0) {
      const parameters = ["0.weight", "0.bias"].map((parameter, i) => ({
        ...{ name: parameter, size: 10, gradNorm: 1 + i, paramNorm: 3, updateNorm: 0.003 },
        ...{ updateRatio: 1e-3 * (1 + i), largestUpdate: 0.1, nonFinite: 0, agreement: 0.5, staleness: 1 },
      }));
      events.push({ type: "telemetry", ...place, parameters });
    }
    if (step === 120) {
      const decision = {
        attempt: step,
        cause: "normSpike",
        action: "backoff",
        value: 40,
        limit: 7,
        lost: 2,
      } as const;
      events.push({ type: "guard", ...place, ...decision, lrFactor: 0.5 });
    }
  }
  const profile = { device: { count: steps, milliseconds: 3000 }, data: { count: steps, milliseconds: 200 } };
  const last = { step: steps, epoch: Math.ceil(steps / 100), at: steps / 50 };
  events.push({ type: "end", ...last, reason: "completed", profile });
  return { name, started: new Date("2026-11-29T10:00:00Z"), description, config: {}, events };
}

const ADAM = {
  model: "Sequential(Linear(4, 2))",
  optimizer: "Adam",
  lr: 1e-2,
  parameters: 10,
  stateBytes: 80,
};

describe("a report", function () {
  this.timeout(180_000); // a browser starts
  const file = temporaryFolder();
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser.close());

  /** What a browser shows of a file, and what it asked for. */
  async function open(path: string) {
    const page = await browser.newPage();
    const [requests, problems]: [string[], string[]] = [[], []];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.setViewport({ width: 1400, height: 1000 });
    await page.goto(pathToFileURL(path).href);
    const figures = await page.$$eval("figure", (all) =>
      all.map((figure) => {
        const svg = figure.querySelector("svg");
        const box = svg?.getBoundingClientRect();
        return {
          title: figure.querySelector("h3")?.textContent ?? "",
          caption: figure.querySelector("figcaption")?.textContent ?? "",
          label: svg?.getAttribute("aria-label") ?? "",
          role: svg?.getAttribute("role") ?? "",
          texts: [...(svg?.querySelectorAll("text") ?? [])].map((text) => text.textContent ?? ""),
          curves: svg?.querySelectorAll('path[fill="none"]').length ?? 0,
          width: box?.width ?? 0,
          height: box?.height ?? 0,
        };
      }),
    );
    const tables = await page.$$eval("table", (all) =>
      all.map((table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent ?? ""))),
    );
    const overflow = (await page.evaluate("document.documentElement.scrollWidth - innerWidth")) as number;
    await page.close();
    return {
      figures,
      tables,
      requests: requests.filter((url) => !url.startsWith("data:")),
      problems,
      overflow,
    };
  }

  const captionOf = async (path: string, place: number): Promise<string> => {
    const captions = [...(await readFile(path, "utf8")).matchAll(/<caption>(.*?)<\/caption>/g)];
    return captions[place]?.[1] ?? "";
  };

  it("shows one run: every chart with title, axes, legend and description, and asks for nothing", async () => {
    const path = file("one.html");
    await writeReport([makeRun("first <run> & co", ADAM)], path);
    const { figures, tables, requests, problems, overflow } = await open(path);
    expect(requests).to.deep.equal([pathToFileURL(path).href]);
    expect(problems).to.deep.equal([]);
    expect(overflow, "pixels beyond the window").to.be.at.most(0);
    expect(figures.map(({ title }) => title)).to.deep.equal([
      ...["Loss", "Accuracy", "F1", "Learning rate", "Gradient norm", "Update-to-weight ratio by parameter"],
      ...["Gradient norm by parameter", "Speed", "Device memory"],
    ]);
    for (const { title, caption, label, role, texts, curves, width, height } of figures) {
      expect(role, title).to.equal("img");
      expect(label, title).to.equal(`${title}. ${caption}`);
      expect(texts, title).to.include("steps");
      expect(curves, title).to.be.at.least(1);
      expect(width, title).to.be.above(300);
      expect(height, title).to.be.above(150);
    }
    const loss = figures.find(({ title }) => title === "Loss");
    expect(loss?.texts).to.include.members(["training, smoothed", "validation", "guard", "loss"]);
    const ratio = figures.find(({ title }) => title.startsWith("Update"));
    expect(ratio?.texts).to.include.members(["0.weight", "0.bias", "1e-3, usual", "ratio"]);
    expect(figures.find(({ title }) => title === "Device memory")?.texts).to.include("1 MiB");
    const [runs, decisions, times] = tables;
    expect(runs?.[1]?.slice(0, 3)).to.deep.equal(["first <run> & co", "Adam", "0.01"]);
    expect(decisions?.[1]).to.deep.equal(["120", "spike of the norm", "backoff", "40", "7", "0.5"]);
    const note = await captionOf(path, 1);
    expect(note, "those that were lost count").to.equal("Decisions of the guard: the last 1 of 3.");
    expect(times?.[1]).to.deep.equal(["steps on the device", "200", "3 s"]);
  });

  it("compares runs by steps, time, bytes of state and learning rate", async () => {
    const runs = [1e-3, 1e-2, 1e-1].flatMap((lr) =>
      ["Adam", "Lion"].map((optimizer) =>
        makeRun(`${optimizer} ${lr}`, { ...ADAM, optimizer, lr, stateBytes: optimizer === "Adam" ? 80 : 40 }),
      ),
    );
    const path = file("six.html");
    await writeReport(runs, path, { title: "Two optimizers" });
    const { figures, tables, problems, overflow } = await open(path);
    expect(problems).to.deep.equal([]);
    expect(overflow).to.be.at.most(0);
    expect(figures.slice(0, 6).map(({ title }) => title)).to.deep.equal([
      ...["Validation loss by steps", "Validation loss by time", "Accuracy by steps", "F1 by steps"],
      ...["Quality by bytes of state", "Robustness to the learning rate"],
    ]);
    const [bySteps, byTime, , , state, robust] = figures;
    expect(bySteps?.texts).to.include.members(runs.map(({ name }) => name));
    expect(byTime?.texts).to.include("seconds since the run began");
    expect(state?.texts).to.include.members([
      "optimizer state",
      "best accuracy (%)",
      "Adam",
      "Lion",
      "Lion 0.1",
    ]);
    expect(robust?.texts).to.include.members(["learning rate", "best accuracy (%)", "0.001", "0.01", "0.1"]);
    expect(tables[0]).to.have.lengthOf(7);
    expect(tables[0]?.map(([name]) => name)).to.deep.equal(["run", ...runs.map(({ name }) => name)]);
  });

  it("draws the best of many runs, each optimizer among them, and says so", async () => {
    const lrs = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1];
    const runs = ["Adam", "Lion"].flatMap((optimizer) =>
      lrs.map((lr) => makeRun(`${optimizer} ${lr}`, { ...ADAM, optimizer, lr }, 60)),
    );
    await writeReport(runs, file("many.html"));
    const { figures } = await open(file("many.html"));
    expect(figures[0]?.caption).to.include("The best 10 of 14 runs");
    const shown = runs.map(({ name }) => name).filter((name) => figures[0]?.texts.includes(name));
    expect(shown).to.have.lengthOf(10);
    expect(shown.filter((name) => name.startsWith("Lion"))).to.have.lengthOf(5);
    expect(shown).to.include.members(["Adam 0.1", "Lion 0.1"]);
  });

  it("shows names as they are, whatever is in them", async () => {
    const names = ['</svg><script>console.log("run")</script>', '"><img src=x onerror=console.log(1)>'];
    await writeReport(
      names.map((name) => makeRun(name, { ...ADAM, optimizer: name, model: name }, 60)),
      file("names.html"),
      { title: "<title>" },
    );
    const { figures, tables, problems, requests } = await open(file("names.html"));
    expect(problems).to.deep.equal([]);
    expect(requests).to.have.lengthOf(1);
    expect(figures[0]?.texts).to.include.members(names);
    expect(tables[0]?.map(([name]) => name)).to.deep.equal(["run", ...names]);
  });

  it("stays small however long a run was, and keeps its peaks", async () => {
    const run = makeRun("long", ADAM, 40_000);
    const events = run.events.map((event) =>
      event.type === "step" && event.step === 31_007 ? { ...event, gradNorm: 5000 } : event,
    );
    await writeReport([{ ...run, events }], file("long.html"));
    const text = await readFile(file("long.html"), "utf8");
    expect(text.length).to.be.below(500_000);
    const { figures } = await open(file("long.html"));
    const norms = figures.find(({ title }) => title === "Gradient norm");
    expect(norms?.texts, "an axis that holds the peak").to.include("10k");
  });

  it("shows runs that diverged, that have no evaluations, or nothing at all", async () => {
    const diverged = makeRun("diverged", ADAM, 40);
    const events = diverged.events.map((event) =>
      event.type === "step" && event.step > 20 ? { ...event, loss: Number.NaN, gradNorm: Infinity } : event,
    );
    const bare = {
      ...makeRun("bare", {}, 30),
      events: makeRun("bare", {}, 30).events.filter(({ type }) => type === "step"),
    };
    const empty: LoggedRun = { name: "empty", started: new Date(0), description: {}, config: {}, events: [] };
    for (const [name, runs] of Object.entries({
      diverged: [{ ...diverged, events }],
      bare: [bare],
      empty: [empty],
    })) {
      await writeReport(runs, file(`${name}.html`));
      expect((await open(file(`${name}.html`))).problems, name).to.deep.equal([]);
    }
    await writeReport([{ ...diverged, events }, bare, empty], file("all.html"));
    const { figures, problems } = await open(file("all.html"));
    expect(problems).to.deep.equal([]);
    expect(figures[0]?.title).to.equal("Training loss by steps");
  });

  it("leaves nothing behind that keeps the process alive", () => {
    const script = `import { writeReport } from "./lib/index.js";
const event = { type: "step", step: 1, epoch: 1, at: 1, loss: 1, gradNorm: 1, lr: 1, examplesPerSecond: 1 };
await writeReport([{ name: "a", started: new Date(), description: {}, config: {}, events: [event] }], ${JSON.stringify(file("exit.html"))});`;
    const args = ["--import", "tsx/esm", "--input-type=module", "--eval", script];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 120_000 });
    expect(stderr).to.equal("");
    expect(status, "exit code; null if it had to be killed").to.equal(0);
  });

  it("refuses what is no run", async () => {
    await expectError("ADASTEP_ARGUMENT", /'runs'/, () => writeReport([], file("a.html")));
    await expectError("ADASTEP_ARGUMENT", /'title'/, () =>
      writeReport([makeRun("a", {}, 1)], file("a.html"), { title: 1 as never }),
    );
    await expectError("ADASTEP_DATA", /nowhere/, () => writeReport(["/nowhere"], file("a.html")));
    await expectError("ADASTEP_DATA", /nowhere/, () => writeReport([makeRun("a", {}, 1)], "/nowhere/a.html"));
  });
});
