// What those see who have not installed an optional package.

import { expect } from "chai";
import { optionalPackage } from "../../lib/data/peer.js";
import { withoutPackages } from "../support/without-packages.js";

describe("optional packages", () => {
  it("are named with the line that installs them, when they are needed and not before", () => {
    const output = withoutPackages(
      ["apache-arrow", "hyparquet"],
      `import { arrowTable } from "./lib/data/arrow.ts";
       import { parquetTable } from "./lib/data/parquet.ts";
       for (const table of [arrowTable({ text: "" }), parquetTable(new Uint8Array(0))])
         await table.dataset({ x: "x" }).catch((error) => console.log(error.code, error.message));`,
    );
    expect(output.trim().split("\n")).to.deep.equal([
      'ADASTEP_UNAVAILABLE arrowTable: got no package "apache-arrow", accepted: npm install apache-arrow',
      'ADASTEP_UNAVAILABLE parquetTable: got no package "hyparquet", accepted: npm install hyparquet',
    ]);
  });

  it("that are broken fail with their own error", async () => {
    const broken = Object.assign(new Error("Cannot find package 'other'"), { code: "ERR_MODULE_NOT_FOUND" });
    for (const error of [broken, new Error("no such symbol")]) {
      const caught = await optionalPackage("f", "name", () => Promise.reject(error)).catch((e: unknown) => e);
      expect(caught).to.equal(error);
    }
  });
});
