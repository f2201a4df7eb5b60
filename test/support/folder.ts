// A folder for files of a test.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives each test of a suite a folder of its own, removed afterwards: the result makes paths in it. */
export function temporaryFolder(): (file: string) => string {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "adastep-"));
  });
  afterEach(() => rm(folder, { recursive: true }));
  return (file) => join(folder, file);
}
