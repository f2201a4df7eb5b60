// Reads the log of a run, and checks it: a report must not be drawn from half of an event.

import { basename, join, resolve } from "node:path";
import { readBytes } from "../data/files.js";
import { DataError, describe } from "../errors.js";
import type { LoggedEvent, LoggedRun, RunDescription } from "./events.js";

export const CONFIG_FILE = "config.json";
export const EVENTS_FILE = "events.jsonl";
/** The first words of config.json; another number is another form. */
export const FORMAT = "adastep log 1";
/** The line that begins what a resumed run adds; an empty line comes before it, unless the line before was cut short. */
export const RESUMED = '{"type":"resumed"}';

type Json = Readonly<Record<string, unknown>>;
/** What a field holds: `?` for one that may be missing; a number may be NaN or an infinity. */
type Kind = "number" | "string" | "boolean" | "object" | "list" | "number?" | "object?" | "string?";

const PLACE = { at: "number", step: "number", epoch: "number" } as const;

/** The fields of each event; others are passed on as they are. */
const FIELDS: Readonly<Record<LoggedEvent["type"], Readonly<Record<string, Kind>>>> = {
  step: { ...PLACE, loss: "number", gradNorm: "number", lr: "number", examplesPerSecond: "number" },
  epoch: { ...PLACE, loss: "number", examples: "number", seconds: "number", examplesPerSecond: "number" },
  eval: { ...PLACE, loss: "number", accuracy: "number?", examples: "number", metrics: "object" },
  guard: {
    ...PLACE,
    ...{ attempt: "number", cause: "string", action: "string" },
    ...{ value: "number", limit: "number", lrFactor: "number", lost: "number" },
  },
  telemetry: { ...PLACE, parameters: "list" },
  checkpoint: { ...PLACE, path: "string", bytes: "number", seconds: "number", best: "boolean" },
  pause: PLACE,
  resume: PLACE,
  end: { ...PLACE, reason: "string", best: "object?", profile: "object?" },
  memory: { ...PLACE, live: "number", peak: "number" },
};

/** What reports show of a parameter that was watched. */
const TELEMETRY: Readonly<Record<string, Kind>> = {
  ...{ name: "string", size: "number", gradNorm: "number", paramNorm: "number" },
  ...{ updateNorm: "number", updateRatio: "number", largestUpdate: "number", nonFinite: "number" },
  ...{ agreement: "number?", staleness: "number?" },
};

const DESCRIPTION: Readonly<Record<keyof RunDescription, Kind>> = {
  ...{ model: "string?", optimizer: "string?", device: "string?" },
  ...{ parameters: "number?", lr: "number?", seed: "number?", stateBytes: "number?" },
};

/**
 * The log of a run in a folder, as `openRunLog` wrote it. A last line that was cut short, by a process that was killed, is left
 * out. Of a run that was resumed from a checkpoint, the events after that are those of the resumption.
 * @throws DataError (rejects) naming file, line and field, for a file that is missing or anything that is no such log
 */
export async function readRunLog(folder: string): Promise<LoggedRun> {
  const path = join(folder, CONFIG_FILE);
  const hint = "the folder of a run that openRunLog wrote";
  const about = parse(path, textOf(await readBytes(path, hint)));
  if (about.format !== FORMAT)
    throw new DataError({
      argument: `${path}: format`,
      got: describe(about.format),
      accepted: describe(FORMAT),
    });
  check(path, about, { name: "string", started: "string", description: "object", config: "object" });
  const started = new Date(about.started as string);
  if (Number.isNaN(started.getTime())) {
    throw new DataError({ argument: `${path}: started`, got: describe(about.started), accepted: "a date" });
  }
  check(`${path}: description`, about.description as Json, DESCRIPTION);
  const events = join(folder, EVENTS_FILE);
  return {
    name: (about.name as string) || basename(resolve(folder)),
    started,
    description: about.description as RunDescription,
    config: about.config as Json,
    events: eventsOf(events, textOf(await readBytes(events, hint))),
  };
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

function eventsOf(path: string, text: string): LoggedEvent[] {
  const lines = text.split("\n");
  const last = lines.length - 1; // after the last line end: empty, unless the line was cut short
  const events: LoggedEvent[] = [];
  let resumed = false;
  for (const [i, line] of lines.entries()) {
    const cut = i === last || lines[i + 1] === RESUMED; // after a whole line comes an empty one
    if (line === "" || cut) continue;
    const at = `${path}, line ${i + 1}`;
    if (line === RESUMED) {
      resumed = true;
      continue;
    }
    const event = checkEvent(at, parse(at, line));
    if (resumed) dropFrom(events, event);
    resumed = false;
    events.push(event);
  }
  return events;
}

/** Takes away what a resumption did anew, and the end before it. */
function dropFrom(events: LoggedEvent[], first: LoggedEvent): void {
  const kept = events.filter(
    ({ step, type }) => type !== "end" && (step < first.step || (step === first.step && type !== first.type)),
  );
  events.splice(0, events.length, ...kept);
}

function parse(argument: string, text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError({ argument, got: describe(text), accepted: "JSON" }, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new DataError({ argument, got: describe(value), accepted: "an object" });
}

function checkEvent(at: string, value: Json): LoggedEvent {
  const type = Object.keys(FIELDS).find((known) => known === value.type) as LoggedEvent["type"] | undefined;
  if (!type) {
    const accepted = Object.keys(FIELDS).join(", ");
    throw new DataError({ argument: `${at}: type`, got: describe(value.type), accepted });
  }
  const event: Record<string, unknown> = numbersOf(value, FIELDS[type]);
  check(at, event, FIELDS[type]);
  if (type === "telemetry") {
    event.parameters = (event.parameters as unknown[]).map((item, i) => {
      const argument = `${at}: parameters[${i}]`;
      const fields = typeof item === "object" && item !== null ? (item as Json) : {};
      const parameter = numbersOf(fields, TELEMETRY);
      check(argument, parameter, TELEMETRY);
      return parameter;
    });
  }
  if (type === "eval") event.metrics = numbersOf(event.metrics as Json, undefined);
  return event as unknown as LoggedEvent;
}

const SPECIAL: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

/** Numbers that JSON does not have, which are there as strings, in the fields that are numbers; in all without `fields`. */
function numbersOf(value: Json, fields: Readonly<Record<string, Kind>> | undefined): Record<string, unknown> {
  const entries = Object.entries(value).map(([name, item]) => {
    const number = typeof item === "string" && Object.hasOwn(SPECIAL, item) ? SPECIAL[item] : undefined;
    const expected = fields === undefined || fields[name]?.startsWith("number");
    return [name, expected && number !== undefined ? number : item] as const;
  });
  return Object.fromEntries(entries);
}

function check(argument: string, value: Json, fields: Readonly<Record<string, Kind>>): void {
  for (const [name, kind] of Object.entries(fields)) {
    const item = value[name];
    const optional = kind.endsWith("?");
    if (optional && item === undefined) continue;
    const expected = optional ? kind.slice(0, -1) : kind;
    const is = item === null ? "null" : Array.isArray(item) ? "list" : typeof item;
    if (is === expected) continue;
    throw new DataError({ argument: `${argument}: ${name}`, got: describe(item), accepted: `a ${expected}` });
  }
}
