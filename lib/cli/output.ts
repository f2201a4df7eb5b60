// What commands print: text for people, JSON for programs.

import type { WriteStream } from "node:tty";
import { aligned } from "../train/text.js";

/** Whether a stream shows colours: a terminal, unless NO_COLOR or TERM says no. */
export function showsColors(stream: WriteStream): boolean {
  return stream.isTTY === true && stream.hasColors();
}

/** A value as one line of JSON; numbers that are not finite become null. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printText(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** A line that begins with what it is about. */
export function printLine(heading: string, text: string): void {
  const word = heading.padEnd(11);
  process.stdout.write(`${showsColors(process.stdout) ? `\u001b[1m${word}\u001b[22m` : word}${text}\n`);
}

/** Rows as columns, the first `names` to the left and the others to the right. */
export const tableText = (rows: readonly (readonly string[])[], names: number): string =>
  `${aligned(rows, names).join("\n")}\n`;
