// Lines of UTF-8 text, in memory bounded by the longest line that is accepted.

import { DataError } from "../errors.js";

/** One line, without its end ("\n" or "\r\n"). */
export interface TextLine {
  readonly text: string;
  /** From 1, as an editor counts. */
  readonly line: number;
}

/** The default of `maxLine`: a line longer than that is more likely a file that has no line ends. */
export const MAX_LINE = 1 << 24;

const [NEWLINE, CARRIAGE_RETURN] = [0x0a, 0x0d];

/**
 * The lines of a text, as many at once as a chunk completes; empty ones too, but not one after the last line end. A BOM
 * is left out.
 * @param maxLine Bytes of the longest line that is accepted. It is held while chunks arrive, so that a line that never
 *   ends fails and does not fill the memory.
 * @throws DataError (rejects) naming the line: one that is too long, or no UTF-8.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  maxLine = MAX_LINE,
): AsyncGenerator<TextLine[], void, void> {
  const decode = lineDecoder(name);
  let line = 1;
  let begun: Uint8Array[] = []; // a line whose end has not come yet
  let length = 0;
  const grow = (bytes: Uint8Array): void => {
    length += bytes.length;
    if (length > maxLine) {
      const [argument, accepted] = [`${name}, line ${line}`, `a line of ${maxLine} bytes at most`];
      throw new DataError({ argument, got: `${length} bytes or more`, accepted });
    }
    if (bytes.length > 0) begun.push(bytes);
  };
  const end = (): TextLine => {
    const bytes = begun.length === 1 ? (begun[0] as Uint8Array) : Buffer.concat(begun, length);
    [begun, length] = [[], 0];
    return { text: decode(bytes, line), line: line++ };
  };
  for await (const chunk of chunks) {
    const ended: TextLine[] = [];
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      grow(chunk.subarray(start, at));
      ended.push(end());
      start = at + 1;
    }
    grow(chunk.slice(start)); // a copy: the chunk's memory may be used again by the time that the line ends
    if (ended.length > 0) yield ended;
  }
  if (length > 0) yield [end()];
}

function lineDecoder(name: string): (bytes: Uint8Array, line: number) => string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return (bytes, line) => {
    const own = bytes.at(-1) === CARRIAGE_RETURN ? bytes.subarray(0, -1) : bytes;
    try {
      const text = decoder.decode(own);
      return line === 1 && text.startsWith("\u{feff}") ? text.slice(1) : text;
    } catch (cause) {
      const argument = `${name}, line ${line}`;
      throw new DataError({ argument, got: "bytes that are no UTF-8", accepted: "UTF-8" }, { cause });
    }
  };
}
