// The files of one checkpoint: a folder that is there as a whole or not at all, with a list of what it holds.

import { createHash, randomBytes, webcrypto } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileError, syncFolder } from "../data/files.js";
import { DataError, describe } from "../errors.js";

/** What is known of a file's content. */
export interface FileRecord {
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** The file that describes the others; it is written last. */
export const STATE_FILE = "state.json";

/** Bytes that are hashed and written at a time: the event loop turns in between. */
const PIECE = 2 ** 20;

/** What an unfinished or a removed folder is called: a process that was killed may leave one. */
export const UNFINISHED = /^\.\d{6}-step-\d+\.[0-9a-f]{12}\.tmp$/;

export function unfinishedName(name: string): string {
  return `.${name}.${randomBytes(6).toString("hex")}.tmp`;
}

/**
 * Writes the folder `directory`/`name`: everything into an unfinished one beside it, each file flushed to the disk, the folder
 * too, then renamed. Whatever happens in between, `name` is not there or is whole. `describing` makes the text of the state file
 * from the records of the others.
 * @throws DataError (rejects) that names the folder; the unfinished one is then gone
 */
export async function writeFolder(
  directory: string,
  name: string,
  files: Readonly<Record<string, readonly Uint8Array[]>>,
  describing: (records: Readonly<Record<string, FileRecord>>) => string,
): Promise<string> {
  const [path, unfinished] = [join(directory, name), join(directory, unfinishedName(name))];
  try {
    await mkdir(unfinished);
    const records: Record<string, FileRecord> = {};
    for (const [file, chunks] of Object.entries(files))
      records[file] = await writeFlushed(join(unfinished, file), chunks);
    await writeFlushed(join(unfinished, STATE_FILE), [Buffer.from(describing(records))]);
    await syncFolder(unfinished);
    await rename(unfinished, path);
    await syncFolder(directory);
    return path;
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true });
    throw fileError(path, cause, "a folder that can be written");
  }
}

async function writeFlushed(path: string, chunks: readonly Uint8Array[]): Promise<FileRecord> {
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await open(path, "wx");
  try {
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += PIECE) {
        const piece = chunk.subarray(at, at + PIECE);
        hash.update(piece);
        await file.writeFile(piece);
      }
      bytes += chunk.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest("hex") };
}

/**
 * The bytes of a file, which must be those of the record.
 * @throws DataError (rejects) that names the file, if it cannot be read or is another one
 */
export async function readRecorded(path: string, record: FileRecord | undefined): Promise<Uint8Array> {
  if (typeof record?.bytes !== "number" || typeof record.sha256 !== "string") {
    const accepted = `a record of its size and SHA-256 in ${STATE_FILE}`;
    throw new DataError({ argument: path, got: describe(record), accepted });
  }
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw fileError(path, cause, "a file that can be read");
  });
  if (bytes.length !== record.bytes) {
    throw new DataError({ argument: path, got: `${bytes.length} bytes`, accepted: `${record.bytes} bytes` });
  }
  const digest = await webcrypto.subtle.digest("SHA-256", bytes);
  const sha256 = Buffer.from(digest).toString("hex");
  if (sha256 !== record.sha256) {
    throw new DataError({
      argument: path,
      got: `content with the SHA-256 ${sha256}`,
      accepted: record.sha256,
    });
  }
  return bytes;
}

/** Removes a folder in such a way that one that is half removed is not taken for a checkpoint. */
export async function removeFolder(directory: string, name: string): Promise<void> {
  const unfinished = join(directory, unfinishedName(name));
  try {
    await rename(join(directory, name), unfinished);
    await rm(unfinished, { recursive: true });
  } catch (cause) {
    throw fileError(join(directory, name), cause, "a folder that can be removed");
  }
}
