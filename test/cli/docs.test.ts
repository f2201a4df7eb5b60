// docs/cli.md and README say what the table of verbs says.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { EXIT_MEANINGS } from "../../lib/cli/errors.js";
import { VERBS } from "../../lib/cli/verbs.js";

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

describe("adastep: documentation", function () {
  this.timeout(30_000);

  it("docs/cli.md is what scripts/cli-docs.mjs makes of the table", async () => {
    const { stderr } = await promisify(execFile)(process.execPath, [at("scripts/cli-docs.mjs"), "--check"]);
    expect(stderr).to.equal("");
    const text = await readFile(at("docs/cli.md"), "utf8");
    for (const { name, flags } of VERBS) {
      expect(text).to.include(`\n## ${name}\n`);
      for (const flag of Object.keys(flags)) expect(text).to.include(`\`--${flag}`);
    }
  });

  it("README has every verb and every exit code", async () => {
    const readme = await readFile(at("README.md"), "utf8");
    const section = readme.slice(readme.indexOf("## The command line"), readme.indexOf("## What runs where"));
    for (const { name } of VERBS) expect(section).to.match(new RegExp(`adastep ${name}\\b`));
    for (const [code, meaning] of EXIT_MEANINGS) expect(section).to.include(`| ${code} | ${meaning} |`);
  });
});
