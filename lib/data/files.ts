// Files: read with or without gzip, whole or in chunks; written so that a reader never sees half of one. Folders, and the errors of both.

import { randomBytes } from "node:crypto";
import { access, type FileHandle, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream";
import { promisify } from "node:util";
import { createGunzip, gunzip } from "node:zlib";
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
    throw fileError(path, cause, hint);
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
 * The bytes of a file in chunks, so that it need not fit into memory; one that starts as gzip does is unpacked.
 * @throws DataError (rejects) as `readBytes`.
 */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array, void, void> {
  await using file = await openFile(path);
  let packed = false;
  try {
    const magic = Buffer.alloc(2);
    await file.handle.read(magic, 0, 2, 0);
    packed = magic[0] === 0x1f && magic[1] === 0x8b;
    const plain = file.handle.createReadStream({ start: 0, autoClose: false });
    // The error, if there is one, comes out of the loop: `pipeline` destroys the last stream with it.
    yield* packed ? pipeline(plain, createGunzip(), () => undefined) : plain;
  } catch (cause) {
    const got = packed ? `a damaged gzip stream (${reasonOf(cause)})` : reasonOf(cause);
    const accepted = packed ? "a whole gzip file" : "a file that can be read";
    throw new DataError({ argument: path, got, accepted }, { cause });
  }
}

/** A file to read from, closed with the block that it stands in. @throws DataError (rejects) if it cannot be opened. */
export async function openFile(path: string): Promise<AsyncDisposable & { readonly handle: FileHandle }> {
  try {
    const handle = await open(path);
    return { handle, [Symbol.asyncDispose]: () => handle.close() };
  } catch (cause) {
    throw fileError(path, cause, "a file that can be read");
  }
}

/** Fills `bytes` with those of a file from `position` on. @throws DataError (rejects) if there are not as many */
export async function readAt(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number,
  path: string,
): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    let read = 0;
    try {
      read = (await handle.read(bytes, at, bytes.length - at, position + at)).bytesRead;
    } catch (cause) {
      throw fileError(path, cause, "a file that can be read");
    }
    if (read === 0) {
      const accepted = `${position + bytes.length} at least`;
      throw new DataError({ argument: path, got: `a file of ${position + at} bytes`, accepted });
    }
    at += read;
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
    throw fileError(path, cause, "a path that can be written");
  }
}

/** Flushes the names in a folder to the disk: a new one then lasts through a power cut, too. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether there is a file or a folder. */
export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Makes a folder, with those above it, unless it is there. @throws DataError (rejects) that names it */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeLevels(resolve(path));
  } catch (cause) {
    throw fileError(path, cause, "a folder that can be made");
  }
}

/** From the top down: Node's `recursive` tries forever where nothing can be made below a folder that is there, such as /proc. */
async function makeLevels(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (dirname(path) !== path) await makeLevels(dirname(path));
  try {
    await mkdir(path);
  } catch (cause) {
    if (!(await isFolder(path))) throw cause; // else another process was first
  }
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (about) => about.isDirectory(),
    () => false,
  );
}

/** What went wrong with a file or a folder, as an error that names it. */
export function fileError(path: string, cause: unknown, accepted: string): DataError {
  if (cause instanceof DataError) return cause;
  return new DataError({ argument: path, got: reasonOf(cause), accepted }, { cause });
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
