// Whole files: read with or without gzip, written so that a reader never sees half of one.

import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { DataError } from "../errors.js";

const inflate = promisify(gunzip);

/**
 * The bytes of a file; one that starts as gzip does is unpacked.
 * @param hint What to do about a missing file, for the message.
 * @throws DataError (rejects) that names the file, if it cannot be read or its gzip stream is damaged or cut short.
 */
export async function readBytes(path: string, hint = "a file that can be read"): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new DataError({ argument: path, got: reasonOf(cause), accepted: hint }, { cause });
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await inflate(bytes);
  } catch (cause) {
    const got = `a damaged gzip stream (${reasonOf(cause)})`;
    throw new DataError({ argument: path, got, accepted: "a whole gzip file" }, { cause });
  }
}

/**
 * Writes a file: to a new one in the same folder, flushed to the disk, then renamed onto `path`. Whatever happens in
 * between, `path` holds either what it held before or all of the new content.
 * @param content The bytes, or chunks of them in order.
 * @throws DataError (rejects) that names the file; the unfinished one is then gone.
 */
export async function writeFileAtomically(
  path: string,
  content: Uint8Array | readonly Uint8Array[],
): Promise<void> {
  const folder = dirname(resolve(path));
  const unfinished = join(folder, `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(unfinished, "wx");
    try {
      for (const chunk of content instanceof Uint8Array ? [content] : content) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await syncFolder(folder);
  } catch (cause) {
    await rm(unfinished, { force: true });
    const accepted = "a path that can be written";
    throw new DataError({ argument: path, got: reasonOf(cause), accepted }, { cause });
  }
}

/** Makes the new name last through a power cut, too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
