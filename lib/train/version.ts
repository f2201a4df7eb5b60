// The version of this package, as package.json has it.

import { readFileSync } from "node:fs";

/** Such as `0.1.0`. */
export function packageVersion(): string {
  // Two folders above lib/train in a clone and above dist/train in a package.
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
