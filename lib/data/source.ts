// Where bytes come from: a file, text at hand, or chunks that arrive one after another; read again for every epoch.

import { ArgumentError, describe } from "../errors.js";
import { readChunks } from "./files.js";
import { untilAborted } from "./waiting.js";

/** Bytes, or text that becomes UTF-8, piece by piece. */
export type Chunks = Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/**
 * A path (gzip is unpacked), text, or a function that opens a stream of chunks from its beginning: it is called once
 * for each time that the data are read. `name` is for messages. A dataset that is left while it waits for chunks destroys
 * a stream of Node's; whatever else waits should end when the signal is aborted.
 */
export type ByteSource =
  | string
  | { readonly text: string; readonly name?: string }
  | { readonly open: (signal?: AbortSignal) => Chunks; readonly name?: string };

/** Checks a source. @throws ArgumentError */
export function checkSource(argument: string, source: ByteSource): void {
  if (typeof source === "string") return;
  const given: { text?: unknown; open?: unknown; name?: unknown } = source ?? {};
  const holds = typeof given.text === "string" || typeof given.open === "function";
  if (holds && (given.name === undefined || typeof given.name === "string")) return;
  const accepted = "a path, { text } or { open: () => chunks }, both with a name if you like";
  throw new ArgumentError({ argument, got: describe(source), accepted });
}

/** What messages call a source. */
export function nameOf(source: ByteSource, fallback: string): string {
  return typeof source === "string" ? source : (source.name ?? fallback);
}

/** Bytes given on at once of text that is at hand; between two such pieces, timers and sockets have their turn. */
const PIECE = 1 << 16;

/**
 * The bytes of a source, from its beginning, in chunks. Once the signal is aborted, waiting for those of a stream throws its reason.
 * @throws DataError (rejects) for a file as `readChunks`; ArgumentError for an `open` that gives no chunks, or a chunk that is
 *   neither bytes nor text.
 */
export async function* chunksOf(
  source: ByteSource,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  if (typeof source === "string") yield* readChunks(source);
  else if ("text" in source) yield* piecesOf(Buffer.from(source.text));
  else {
    const chunks = untilAborted("a data source", source.open(signal), signal);
    for await (const chunk of chunks) yield* piecesOf(bytesOf(chunk));
  }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let start = 0; start < bytes.length; start += PIECE) {
    yield bytes.subarray(start, start + PIECE);
    if (start + PIECE < bytes.length) await new Promise((resolve) => setImmediate(resolve));
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === "string") return Buffer.from(chunk);
  const argument = "a chunk of a data source";
  throw new ArgumentError({ argument, got: describe(chunk), accepted: "a Uint8Array or a string" });
}
