// Help: text of the table of verbs.

import { EXIT_MEANINGS } from "./errors.js";
import type { Flags, Operand } from "./flags.js";
import type { Verb } from "./verb.js";

/** Where a description begins. */
const COLUMN = 26;
const WIDTH = 110;

export const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ["NO_COLOR", "no colours"],
  ["DEBUG", "stack traces of errors"],
  ["ADASTEP_DATA", "the folder of datasets, by default /usr/share/datasets"],
];

export const usageOf = ({ name, operands, flags }: Verb): string =>
  [
    "adastep",
    name,
    ...operands.map(operandText),
    ...(Object.keys(flags).length > 0 ? ["[options]"] : []),
  ].join(" ");

const operandText = ({ name, optional, many }: Operand): string =>
  (optional ? `[${name}]` : name) + (many ? " ..." : "");

/** `--lr <x>` */
export const flagText = (name: string, flags: Flags): string =>
  [`--${name}`, flags[name]?.value].filter(Boolean).join(" ");

/** All verbs. */
export function helpText(verbs: readonly Verb[]): string {
  return [
    "adastep trains neural networks, on the CPU or an NVIDIA GPU.\n",
    "usage: adastep <verb> [options]",
    "       adastep <verb> --help",
    "       adastep --help | --version",
    "first:  adastep train digits\n",
    ...verbs.map(({ name, summary }) => row(name, summary)),
    "",
    ...endings(),
  ].join("\n");
}

/** One verb. */
export function verbHelp(verb: Verb): string {
  const { operands, flags, details = [], examples, summary } = verb;
  const names = Object.keys(flags);
  return [
    `${summary}\n`,
    `usage: ${usageOf(verb)}\n`,
    ...operands.map(({ name, help }) => row(name, help)),
    ...(operands.length > 0 ? [""] : []),
    ...names.map((name) => row(flagText(name, flags), flags[name]?.help ?? "")),
    ...(names.length > 0 ? [""] : []),
    ...details.flatMap((text) => [...wrapped(text, WIDTH), ""]),
    ...(examples.length > 0 ? ["examples", ...examples.map((line) => `  ${line}`), ""] : []),
  ].join("\n");
}

function endings(): string[] {
  const codes = EXIT_MEANINGS.map(([code, meaning]) => row(String(code), meaning));
  const names = ENVIRONMENT.map(([name, meaning]) => row(name, meaning));
  return ["exit codes", ...codes, "", "environment", ...names, ""];
}

function row(left: string, right: string): string {
  const lines = wrapped(right, WIDTH - COLUMN);
  const start = `  ${left}`.padEnd(COLUMN);
  const first = start.endsWith(" ") ? `${start}${lines.shift() ?? ""}` : start;
  return [first, ...lines.map((line) => " ".repeat(COLUMN) + line)].join("\n");
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
