// A page that follows a run while it goes on: node:http, and server-sent events that bring the charts anew.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { checkInteger, checkKeys, given } from "../check.js";
import { ArgumentError, describe, UnavailableError } from "../errors.js";
import type { TrainerEvent } from "../train/events.js";
import type { Metrics } from "../train/metrics.js";
import { count } from "../train/text.js";
import { Trainer } from "../train/trainer.js";
import { type Chart, chartDrawer, numberText } from "./chart.js";
import { describeRun } from "./describe-run.js";
import type { EventSink } from "./events.js";
import { RunFigures } from "./figures.js";
import { escapeHtml, page } from "./html.js";
import { runSection, timeText } from "./sections.js";

/** Options of `serveDashboard`. */
export interface DashboardOptions<M extends Metrics = Metrics> {
  /** Whose run it is: model, optimizer and device are shown, and the memory of the device. */
  readonly trainer?: Trainer<M>;
  /** What the page calls the run. Default "run". */
  readonly name?: string;
  /** The address that it listens on. Default "127.0.0.1": this machine alone. There is no password. */
  readonly host?: string;
  /** Default 0: one that is free. */
  readonly port?: number;
  /** Least milliseconds between two pictures, which together take a tenth of the time at most. Default 2000. */
  readonly interval?: number;
}

/**
 * Serves a page that shows a run while it goes on, until its end event or `close()`; a page that is open then keeps what it shows.
 *
 * ```ts
 * await using dashboard = await serveDashboard({ trainer });
 * console.log(dashboard.url);
 * for await (const event of follow(trainer.run(train, options), dashboard)) show(event);
 * ```
 *
 * Needs the package echarts.
 * @throws ArgumentError (rejects) for options that are wrong, UnavailableError without echarts or if it cannot listen there
 */
export async function serveDashboard<M extends Metrics>(
  options: DashboardOptions<M> = {},
): Promise<Dashboard> {
  const owner = "serveDashboard";
  checkKeys(owner, options, ["trainer", "name", "host", "port", "interval"]);
  const { trainer } = options;
  const [name, host] = [
    checkText(`${owner}: 'name'`, given(options.name, "run")),
    checkText(`${owner}: 'host'`, given(options.host, "127.0.0.1")),
  ];
  const port = checkInteger(`${owner}: 'port'`, given(options.port, 0), 0, 65535);
  const interval = checkInteger(`${owner}: 'interval'`, given(options.interval, 2000), 10, 3_600_000);
  if (trainer !== undefined && !(trainer instanceof Trainer)) {
    throw new ArgumentError({
      argument: `${owner}: 'trainer'`,
      got: describe(trainer),
      accepted: "a Trainer",
    });
  }
  const drawer = await chartDrawer(owner);
  const draw = (chart: Chart): string => shown(chart.title, () => drawer(chart));
  const figures = new RunFigures(name, trainer ? describeRun(trainer) : {}, new Date());
  const memory = trainer && (() => trainer.device.memory());
  const dashboard = new Dashboard({ figures, draw, memory, interval });
  await dashboard.listen(host, port);
  return dashboard;
}

/** What `make` gives, or what went wrong with it: that is for whoever looks at the page, and nothing to end a training for. */
function shown(what: string, make: () => string): string {
  try {
    return make();
  } catch (cause) {
    return failureText(what, cause);
  }
}

const failureText = (what: string, cause: unknown): string =>
  `<p role="alert">${escapeHtml(`${what} could not be shown: ${cause}`)}</p>`;

function checkText(argument: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new ArgumentError({ argument, got: describe(value), accepted: "a string that is not empty" });
}

interface DashboardParts {
  readonly figures: RunFigures;
  readonly draw: (chart: Chart) => string;
  readonly memory: (() => { live: number; peak: number }) | undefined;
  readonly interval: number;
}

/** Brings the charts to the page; what the page shows when the run has ended stays. */
const SCRIPT = `
const source = new EventSource("events");
const main = document.querySelector("main");
source.addEventListener("charts", ({ data }) => { main.innerHTML = JSON.parse(data); });
source.addEventListener("end", () => source.close());
source.onerror = () => { document.querySelector("#state").textContent = "The connection is lost; the charts are the last that came."; };
source.onopen = () => { document.querySelector("#state").textContent = ""; };
`;

/** Between two pictures so many times as long as one takes. */
const PAUSE = 9;
/** Connections end with their answers: none is left over when the run ends. */
const HEADERS = { "cache-control": "no-store", connection: "close" };
/** Milliseconds that a page has to take the last picture. */
const PATIENCE = 2000;

/** A dashboard that is served. */
export class Dashboard implements EventSink {
  readonly #parts: DashboardParts;
  readonly #server: Server;
  readonly #clients = new Set<ServerResponse>();
  #began = performance.now();
  /** Milliseconds that the last picture took. */
  #cost = 0;
  #timer: NodeJS.Timeout | undefined;
  /** What went wrong with the newest event that could not be taken. */
  #failure = "";
  #closing: Promise<void> | undefined;
  #url = "";

  /** Internal: use `serveDashboard`. */
  constructor(parts: DashboardParts) {
    this.#parts = parts;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** Where the page is: `http://127.0.0.1:40123/`. */
  get url(): string {
    return this.#url;
  }

  /** Internal: begins to serve. */
  async listen(host: string, port: number): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(port, host, resolve);
      });
      // A connection that cannot be accepted is missed by the browser that wanted it.
      this.#server.on("error", () => undefined);
    } catch (cause) {
      const got = cause instanceof Error ? cause.message : String(cause);
      const accepted = "an address of this machine and a free port";
      throw new UnavailableError({ argument: "serveDashboard: 'host', 'port'", got, accepted }, { cause });
    }
    const { address, port: taken, family } = this.#server.address() as AddressInfo;
    this.#url = `http://${family === "IPv6" ? `[${address}]` : address}:${taken}/`;
  }

  /** The run begins now; `follow` calls it. */
  begin(): void {
    this.#began = performance.now();
  }

  /**
   * Takes an event; the pages that are open show it within the interval. After the run's end nothing is served. Never throws: the
   * page shows what went wrong.
   */
  write(event: TrainerEvent<Metrics>): void {
    const { interval } = this.#parts;
    try {
      this.#take(event);
    } catch (cause) {
      this.#failure = failureText(`The event "${event.type}" of step ${event.step}`, cause);
    }
    if (event.type === "end")
      this.close().catch(() => undefined); // whoever calls `close` is told
    else if (this.#clients.size > 0 && !this.#closing) {
      this.#timer ??= setTimeout(this.#show, Math.max(interval, this.#cost * PAUSE));
    }
  }

  #take(event: TrainerEvent<Metrics>): void {
    const { figures, memory } = this.#parts;
    const at = (performance.now() - this.#began) / 1000;
    figures.add({ ...event, at });
    if (event.type !== "epoch" || !memory) return;
    const { live, peak } = memory();
    const { step, epoch } = event;
    figures.add({ type: "memory", step, epoch, live, peak, at });
  }

  readonly #show = (): void => {
    this.#timer = undefined;
    const began = performance.now();
    this.#send(...this.#clients);
    this.#cost = performance.now() - began;
  };

  #send(...clients: readonly ServerResponse[]): void {
    if (clients.length === 0) return;
    const message = `event: charts\ndata: ${JSON.stringify(this.#content())}\n\n`;
    // Of a page that is slow, pictures are left out: none piles up.
    for (const client of clients) if (!client.writableNeedDrain) client.write(message);
  }

  #content(): string {
    return this.#failure + shown("The picture", () => this.#picture());
  }

  #picture(): string {
    const { figures, draw } = this.#parts;
    const { step, epoch, seconds, end, trainLoss } = figures;
    const state = end ? "The run has ended" : "The run goes on";
    const loss = trainLoss.last ? `, training loss ${numberText(trainLoss.last.value)}` : "";
    const text = `${state}: step ${count(step)}, epoch ${epoch}, ${timeText(seconds)}${loss}.`;
    return `<p id="progress">${escapeHtml(text)}</p>${runSection(figures, draw)}`;
  }

  #answer({ method, url, headers }: IncomingMessage, response: ServerResponse): void {
    const refuse = (status: number, text: string): void => {
      response.writeHead(status, { "content-type": "text/plain", ...HEADERS }).end(`${text}\n`);
    };
    // A page of elsewhere that resolves its own name to this address must not read the run (DNS rebinding).
    if (!this.#isOwnName(headers.host)) refuse(403, "not a name of this server");
    else if (method !== "GET") refuse(405, "GET alone");
    else if (url === "/") this.#answerPage(response);
    else if (url === "/events") this.#answerEvents(response);
    else refuse(404, "not here");
  }

  #answerPage(response: ServerResponse): void {
    const { name } = this.#parts.figures;
    const body = `<header><h1>${escapeHtml(name)}</h1><p id="state" class="soft" role="status"></p></header>
<main>${this.#content()}</main>`;
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...HEADERS });
    response.end(page(`${name}, live`, body, SCRIPT));
  }

  #answerEvents(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream", ...HEADERS });
    this.#clients.add(response);
    response.once("close", () => this.#clients.delete(response));
    this.#send(response);
  }

  #isOwnName(host: string | undefined): boolean {
    const { host: own, hostname, port } = new URL(this.#url);
    const local = hostname === "[::1]" || hostname.startsWith("127.");
    return !local || host === own || host === `localhost:${port}`;
  }

  /** Shows the last picture to the pages that are open, and ends. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    try {
      this.#send(...this.#clients);
    } finally {
      for (const client of this.#clients) client.end("event: end\ndata: {}\n\n");
      const patience = setTimeout(() => this.#server.closeAllConnections(), PATIENCE);
      await closed;
      clearTimeout(patience);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
