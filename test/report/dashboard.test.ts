// The page that follows a run, in a browser: it changes while the run goes on, and stays when the run has ended.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { expect } from "chai";
import type { Browser, Page } from "puppeteer-core";
import { follow, serveDashboard, type TrainerEvent } from "../../lib/index.js";
import { openBrowser } from "../support/browser.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { clouds, makeTrainer } from "../train/support.js";

const STEP = { type: "step", epoch: 1, loss: 1, gradNorm: 1, lr: 0.1, examplesPerSecond: 9 } as const;

const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => element.textContent ?? "");

/** Waits until an element has a text. */
const waitForText = (page: Page, selector: string, text: string) =>
  page.waitForFunction(`document.querySelector("${selector}")?.textContent.includes("${text}")`, {
    timeout: 60_000,
  });

/** The status of an answer to a request with that Host header. */
const statusOf = (
  url: string,
  path: string,
  options: { host?: string; method?: string } = {},
): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port, host } = new URL(url);
    const headers = { host: options.host ?? host };
    request({ hostname, port, path, method: options.method ?? "GET", headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });

onEachDevice("the dashboard", (device) => {
  let browser: Browser;
  before(async function () {
    this.timeout(180_000); // a browser starts
    browser = await openBrowser();
  });
  after(() => browser.close());

  it("shows a training while it goes on, and keeps the last picture when it has ended", async function () {
    this.timeout(180_000);
    const { model, optimizer, trainer } = makeTrainer(device(), { watch: 2 });
    const dashboard = await serveDashboard({ trainer, name: "clouds <1>", interval: 20 });
    expect(dashboard.url).to.match(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const page = await browser.newPage();
    const [problems, requests]: [string[], string[]] = [[], []];
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (each) => requests.push(each.url()));
    await page.goto(dashboard.url);
    expect(await textOf(page, "h1")).to.equal("clouds <1>");
    expect(await textOf(page, "#progress")).to.include("The run goes on: step 0");
    expect(await page.$$("figure")).to.have.lengthOf(0);

    let last: TrainerEvent | undefined;
    const options = { epochs: 4, batchSize: 16, logEvery: 1, validation: clouds(40, 2) };
    for await (const event of follow(trainer.run(clouds(128), options), dashboard)) {
      last = event;
      if (event.type === "step" && event.step === 3) {
        await waitForText(page, "#progress", "step 3,");
        const titles = await page.$$eval("figure h3", (all) => all.map(({ textContent }) => textContent));
        expect(titles).to.include.members(["Loss", "Learning rate", "Update-to-weight ratio by parameter"]);
        expect(titles).not.to.include("Accuracy");
      }
      if (event.type === "eval" && event.epoch === 2) {
        await waitForText(page, "main", "Accuracy");
        await waitForText(page, "main", "Device memory");
      }
    }
    expect(last?.type).to.equal("end");
    await dashboard.close();
    await waitForText(page, "#progress", "The run has ended: step 32, epoch 4");
    expect(await page.$$eval("figure svg", (all) => all.length)).to.be.at.least(8);
    expect(await textOf(page, "#state")).to.equal("");
    expect(problems).to.deep.equal([]);
    const own = requests.filter((url) => !url.startsWith("data:"));
    expect(own.map((url) => new URL(url).origin)).to.deep.equal(own.map(() => new URL(dashboard.url).origin));
    await page.close();
    await trainer.dispose();
    optimizer.dispose();
    model.dispose();
  });

  it("does not serve any longer when the run has ended", async () => {
    const dashboard = await serveDashboard();
    expect(await statusOf(dashboard.url, "/")).to.equal(200);
    dashboard.write({ type: "end", reason: "completed", step: 1, epoch: 1 });
    await dashboard.close();
    const error = await statusOf(dashboard.url, "/").catch((cause: NodeJS.ErrnoException) => cause.code);
    expect(error).to.equal("ECONNREFUSED");
  });

  it("never ends a training: what cannot be taken or drawn is told on the page, and the rest goes on", async function () {
    this.timeout(120_000);
    const dashboard = await serveDashboard({ interval: 20 });
    const page = await browser.newPage();
    await page.goto(dashboard.url);
    dashboard.write({ ...STEP, step: 1 });
    dashboard.write({ type: "telemetry", step: 2, epoch: 1, parameters: null } as never);
    await waitForText(page, "main", "of step 2 could not be shown: TypeError");
    const titles = await page.$$eval("figure h3", (all) => all.map(({ textContent }) => textContent));
    expect(titles).to.include("Loss");
    const GUARD = { type: "guard", epoch: 1, attempt: 3, step: 3, cause: "<new>", action: "skip" } as const;
    dashboard.write({ ...GUARD, value: 1, limit: 1, lrFactor: 1, lost: 0 } as never);
    await waitForText(page, "main", "The picture could not be shown: TypeError");
    expect(await statusOf(dashboard.url, "/")).to.equal(200);
    dashboard.write({ type: "end", reason: "completed", step: 3, epoch: 1 });
    await dashboard.close();
    expect(await textOf(page, "main")).to.include("could not be shown");
    await page.close();
  });

  it("ends although a page takes nothing any more", async () => {
    const dashboard = await serveDashboard();
    const { hostname, port, host } = new URL(dashboard.url);
    const socket = connect(Number(port), hostname);
    socket.pause();
    socket.on("error", () => undefined); // it is cut off, which is what is tested
    await new Promise<void>((resolve) => {
      socket.write(`GET /events HTTP/1.1\r\nhost: ${host}\r\n\r\n`, () => resolve());
    });
    await statusOf(dashboard.url, "/"); // by then the request before has been answered, too
    await dashboard.close(); // or the test takes too long
    socket.destroy();
  });

  it("says that the connection is lost when the process is killed", async function () {
    this.timeout(180_000);
    const script = `import { serveDashboard } from "./lib/index.js";
const dashboard = await serveDashboard({ interval: 20 });
console.log(dashboard.url);
dashboard.write(${JSON.stringify({ ...STEP, step: 7 })});`;
    const args = ["--import", "tsx/esm", "--input-type=module", "--eval", script];
    const served = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const [url] = (await once(served.stdout, "data")) as [Buffer];
    const page = await browser.newPage();
    await page.goto(url.toString().trim());
    await waitForText(page, "#progress", "step 7,");
    expect(await textOf(page, "#state")).to.equal("");
    served.kill("SIGKILL");
    await waitForText(page, "#state", "lost");
    expect(await page.$$eval("figure", (all) => all.length)).to.be.at.least(1);
    await page.close();
  });

  it("answers its own names and paths alone", async () => {
    await using dashboard = await serveDashboard();
    const { port } = new URL(dashboard.url);
    expect(await statusOf(dashboard.url, "/", { host: `localhost:${port}` })).to.equal(200);
    expect(await statusOf(dashboard.url, "/", { host: "attacker.example" })).to.equal(403);
    expect(await statusOf(dashboard.url, "/../etc/passwd")).to.equal(404);
    expect(await statusOf(dashboard.url, "/", { method: "POST" })).to.equal(405);
  });

  it("refuses options that are wrong, and tells of a port that is taken", async () => {
    const wrong: Record<string, unknown> = {
      trainer: {},
      name: "",
      host: 1,
      port: 70000,
      interval: 0,
      level: 2,
    };
    for (const [name, value] of Object.entries(wrong)) {
      await expectError("ADASTEP_ARGUMENT", new RegExp(name), () =>
        serveDashboard({ [name]: value } as never),
      );
    }
    await using dashboard = await serveDashboard();
    const port = Number(new URL(dashboard.url).port);
    await expectError("ADASTEP_UNAVAILABLE", /EADDRINUSE/, () => serveDashboard({ port }));
  });
});
